"""Windows of captures that are there already: `model-monitor backfill` monitors them, `replay` runs them once more beside the
reports that the service left, which makes the continuity certificate.

certificate.py compares (pure), running.py runs the windows of a replay in one Spark application and keeps a journal of them,
command.py has both command lines, prints what comes of a replay, and runs the monitoring job of each window of a backfill.
"""
