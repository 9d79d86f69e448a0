"""Being a job: its Spark session, exit status, message and metrics. `job.py` is what a driver in `jobs/` opens. Driver only."""
