"""Schedules without a scheduler: `spark-model-monitor run-due`, called by cron or Kubernetes at any interval, runs what is due.

schedule_plan.py: the meaning of a schedule entry, and how it starts a job. due_runs.py: which runs are due or overdue.
schedule_runs.py: the execution of a run. job_processes.py: the processes of its jobs. record.py: past runs, for people and
programs, and the lock. schedule_command.py: the command, and who is notified of overdue runs.
Local only.
"""
