"""The continuity certificate: old windows run once more, beside the reports that the service left for them.

`windows.py` and `reports.py` find what there is, `verdicts.py` and `certificate.py` compare (pure), `running.py` runs the
windows in one Spark application and keeps a journal of them, `command.py` reads the command line and prints the result.
"""
