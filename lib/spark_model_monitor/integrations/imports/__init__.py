"""Migration of the service's schedules: descriptions from its API -> env files and a schedule entry for our jobs.

descriptions.py validates the API's answers and gives all five kinds of job definition one form, jobs.py makes the jobs'
variables, the entry and its DAG (both pure), import_command.py queries the account, reads and writes.
"""
