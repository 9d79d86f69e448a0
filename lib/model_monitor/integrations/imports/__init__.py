"""The service's schedules, moved over: descriptions from its API -> env files and a schedule entry for our jobs.

descriptions.py validates what the API said and gives all five kinds of job definition one form, jobs.py makes the jobs'
variables, the entry and the DAG of it (both pure), command.py asks the account, reads and writes.
"""
