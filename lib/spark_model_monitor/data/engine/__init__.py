"""Engines cut a source into partitions, map functions over the partitions, and return the results.

`engine_protocol.py` defines the interface; `local_engine.py` is the engine without a JVM; the Spark engine is a plug-in
(`spark/__init__.py`).
"""
