"""The service's schedules, moved over: descriptions from its API -> env files and a schedule entry for our jobs.

`shapes.py` validates what the API said, `account.py` asks it, `descriptions.py` gives all five kinds of job definition one
form, `variables.py` makes the jobs' variables of it (all of them pure but for `account.py`), `command.py` reads and writes.
"""
