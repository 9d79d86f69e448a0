"""How a source is cut into partitions, how a function is mapped over them, and how its states come back.

`protocol` is the page that says what an engine is; `local` is the one without a JVM, Spark's plugs in (`spark/__init__.py`).
"""
