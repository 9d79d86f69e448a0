"""Spark as an engine: its partitions, files, tables and workers, and its own ways of a few functions (`spark.WAYS`)."""
