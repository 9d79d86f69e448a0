"""Existing windows of captures: `spark-model-monitor backfill` monitors them; `replay` runs them again and compares the results
with the service's reports, which makes the continuity certificate.

certificate.py compares (pure), replay_run.py runs the windows of a replay in one job and keeps a journal of them,
replay_command.py has both command lines, prints the results of a replay, and runs the monitoring job of each window of a
backfill.
"""
