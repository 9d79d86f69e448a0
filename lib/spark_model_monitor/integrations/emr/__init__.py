"""Jobs on EMR and EMR Serverless: ./spark-submit.sh --target emr --cluster-id … jobs/monitor.py FLAGS (docs/emr.md).

The package is uploaded to S3, a step or a job run is started, and its message becomes this command's exit status.
"""
