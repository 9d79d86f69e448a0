"""How long does a whole profile of JSON Lines take, beside Spark's own read of it that infers the types and counts every column?

python benchmarks/profile_json.py [--quick]
"""

from __future__ import annotations

from functools import partial

from data_sets import mixed_json, size_bytes
from ours import whole_profile
from peers import spark_json_counts
from session import benchmark_session
from side_by_side import QUICK_SHARE, Contestant, is_quick_run, race, report

ROWS = 1_000_000
WARM_UP_ROWS = 100_000
WARM_UPS = 5
AT_MOST = 2.0
"""Times Spark's own read, which reads twice as ours does."""


def main() -> None:
    rows = ROWS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    folder = mixed_json(rows)
    small = mixed_json(WARM_UP_ROWS)
    with benchmark_session() as spark:
        for _ in range(WARM_UPS):
            whole_profile(spark, small, "jsonl")
            spark_json_counts(spark, small)
        ours = Contestant("ours: the whole profile of all 13 columns", partial(whole_profile, spark, folder, "jsonl"))
        peer = Contestant("Spark's read, counting every column", partial(spark_json_counts, spark, folder), 1 / AT_MOST)
        race([ours, peer])
        report(f"{rows:,} rows x (10 doubles + 3 texts), JSON Lines, {size_bytes(folder) / 1e6:,.0f} MB", ours, [peer])


if __name__ == "__main__":
    main()
