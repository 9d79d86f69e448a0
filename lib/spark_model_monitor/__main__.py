"""`python -m spark_model_monitor`: the command `spark-model-monitor`."""

import sys

from spark_model_monitor.cli import main

if __name__ == "__main__":
    sys.exit(main())
