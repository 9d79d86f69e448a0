"""Jobs on EMR and EMR Serverless: ./spark-submit.sh --target emr --cluster-id … jobs/monitor.py FLAGS (docs/emr.md).

The package goes to S3, a step or a job run is started, and its message comes back as this command's exit status.
"""
