#!/usr/bin/env bash
# Starts a job: ./spark-submit.sh jobs/baseline.py --dataset-source data.csv …    (--help says more)
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python="$here/.venv/bin/python"
[ -x "$python" ] || python="python3"
export PYTHONPATH="$here/lib${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m spark_model_monitor.spark.launch.submission "$@"
