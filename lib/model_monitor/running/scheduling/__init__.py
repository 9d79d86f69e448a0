"""Schedules without a scheduler: `model-monitor run-due`, called by cron or Kubernetes as often as one likes, runs what is due.

plan.py: what a schedule entry says, and how it starts a job. runs.py: which runs are due or overdue, and each run. record.py:
the runs that were, for people and programs, and the lock. command.py: the command, and who is notified if runs don't come.
Local only.
"""
