"""`python -m spark_model_monitor.cli`: the command, where the package is on the path but not installed."""

import sys

from spark_model_monitor.cli import main

sys.exit(main())
