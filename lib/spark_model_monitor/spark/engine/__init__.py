"""Spark as an engine: its partitions, files, tables and workers, and Spark's implementations of some functions (`spark.WAYS`)."""
