"""Being a job: its command line, configuration, Spark session, exit status and message. Driver only.

`submission.py`, `java.py`, `deequ_jar.py`, `package_zip.py`, `layout.py` and `cache.py` run before any Spark does, with
any Python from 3.9 on and nothing but the standard library; `job.py` is what a driver in `jobs/` opens.
"""
