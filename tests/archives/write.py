"""Writes the archive that this code makes of the rows in scanned.py: what later releases have to read and to add.

    python -m tests.archives.write tests/archives/0.1.0

A folder that was released stays as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.archives.scanned import PROFILE_BYTES, scan_states

from spark_model_monitor.reports.history.state_files import to_parquet
from spark_model_monitor.spark.spark_session import local_session, stop_session


def main(folder: Path) -> None:
    folder.mkdir(parents=True)
    spark = local_session()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    try:
        states = scan_states(spark)
        for name, state in states.items():
            (folder / f"{name}.parquet").write_bytes(to_parquet(state))
        (folder / PROFILE_BYTES).write_bytes(states["profile"].to_bytes())
    finally:
        stop_session(spark)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
