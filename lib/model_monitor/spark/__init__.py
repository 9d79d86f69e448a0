"""Spark's side: its engine, sessions, Deequ, the launcher and the merge. `plugins.plugin("spark")` is this package.

The floors above import nothing of it: they ask for the names here, each loaded when it is first asked for. A part of the
package that wants more of Spark gets it by a name here.

`engine/`: partitions as Spark maps them. `launch/`: what happens before Spark starts, with the standard library alone.
`deequ/`: all that knows Deequ. `merging/`: captures joined with their labels.
"""

from model_monitor.lazy import lazily

PLACES = {
    "pyspark": ["cloudpickle"],
    "model_monitor.spark.engine.tables": ["frame_of_table"],
    "model_monitor.spark.engine.application": ["LOG_VALUES", "application_of", "running_session"],
    "model_monitor.spark.engine.spark": ["SparkEngine", "by_position"],
    "model_monitor.spark.session": [
        *("MasterWatch", "as_submitted", "beside", "local_session", "remote_session"),
        *("session_within", "start_session", "stop_session"),
    ],
    "model_monitor.spark.storage": ["storage_of_session"],
}
"""The names of each module."""

__getattr__, __dir__ = lazily(__name__, PLACES, {})
