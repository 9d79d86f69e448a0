"""Schedules without a scheduler: `model-monitor run-due`, called by cron or Kubernetes as often as one likes, runs what is due.

plan.py: what a schedule entry says. due.py: which runs are due, and whether runs are overdue. record.py: the runs that were, and
the lock. jobs.py: one run. watching.py: who is told that runs don't come. listing.py: the runs for people and programs.
command.py: the command. On the machine that calls it only.
"""
