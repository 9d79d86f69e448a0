"""Engines: cut a source into partitions, map functions over them, and return their states.

`protocol` defines the interface; `local` is the engine without a JVM; Spark's is a plug-in (`spark/__init__.py`).
"""
