"""whylogs' profile of a folder of Parquet, timed. Runs in an environment of its own, which needs nothing of ours.

python whylogs_profile.py WARM_UP WARM_UPS FOLDER DRIVER_MEMORY     prints the seconds on the clock and those of processor cores
"""

from __future__ import annotations

import sys
import time

from processor_time import ProcessorTime
from pyspark.sql import SparkSession
from whylogs.api.pyspark.experimental import collect_dataset_profile_view


def main(warm_up: str, warm_ups: str, folder: str, driver_memory: str) -> None:
    builder = SparkSession.builder.master("local[2]").config("spark.driver.memory", driver_memory)
    spark = builder.config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false").getOrCreate()
    for _ in range(int(warm_ups)):
        collect_dataset_profile_view(input_df=spark.read.parquet(warm_up))
    processor_time = ProcessorTime()
    began = time.perf_counter()
    began_cores = processor_time.seconds()
    collect_dataset_profile_view(input_df=spark.read.parquet(folder))
    print(time.perf_counter() - began, processor_time.seconds() - began_cores)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
