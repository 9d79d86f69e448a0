"""What a PySpark script does at the least: a session, and the lines of a file counted. start_up.py submits it."""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession

if __name__ == "__main__":
    spark = SparkSession.builder.getOrCreate()
    spark.read.text(sys.argv[1]).count()
    spark.stop()
