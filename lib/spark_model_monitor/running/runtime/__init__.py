"""The life of a job: Spark session, exit status, message and metrics. Drivers in `jobs/` use `job.py`. Driver only."""
