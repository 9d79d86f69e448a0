"""Engines: cut a source into partitions, map functions over them, and return their states.

`engine_protocol.py` defines the interface; `local_engine.py` is the engine without a JVM; Spark's is a plug-in
(`spark/__init__.py`).
"""
