"""How long does a whole profile of CSV take, beside Spark's own read of it as texts that counts every column?

python benchmarks/profile_csv.py [--quick]
"""

from __future__ import annotations

from functools import partial

from data_sets import mixed_csv, size_bytes
from ours import whole_profile
from peers import spark_csv_counts
from session import benchmark_session
from side_by_side import QUICK_SHARE, Contestant, is_quick_run, race, report

ROWS = (1_000_000, 10_000_000)
WARM_UP_ROWS = 1_000_000
WARM_UPS = 10
AT_MOST = 2.0
"""Times Spark's own read."""


def main() -> None:
    share = QUICK_SHARE if is_quick_run(__doc__) else 1
    with benchmark_session() as spark:
        for _ in range(WARM_UPS):
            whole_profile(spark, mixed_csv(WARM_UP_ROWS), "csv")
            spark_csv_counts(spark, mixed_csv(WARM_UP_ROWS))
        for rows in (rows // share for rows in ROWS):
            folder = mixed_csv(rows)
            ours = Contestant("ours: the whole profile of all 13 columns", partial(whole_profile, spark, folder, "csv"))
            peer = Contestant(
                "Spark's read as texts, counting every column", partial(spark_csv_counts, spark, folder), 1 / AT_MOST
            )
            race([ours, peer])
            report(f"{rows:,} rows x (10 doubles + 3 texts), CSV, {size_bytes(folder) / 1e6:,.0f} MB", ours, [peer])


if __name__ == "__main__":
    main()
