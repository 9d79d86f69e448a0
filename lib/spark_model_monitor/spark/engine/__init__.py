"""Spark as an engine: its partitions, files, tables and workers, and its versions of functions (`spark.IMPLEMENTATIONS`)."""
