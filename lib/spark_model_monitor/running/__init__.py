"""Being a job: configuration, inputs, runs, schedules.

`runs/monitoring_run.py` is the product on one page. `kinds.py`: which kinds of monitoring there are.
`configuration/`: every flag and variable; `inputs/` reads what they name. `runtime/`: from the first line of a job to
its exit status and its message. `scheduling/`: cron and missed runs. `merging/`: captures joined with their labels.
`replay/`: old windows run again, and compared with the service's reports.
"""
