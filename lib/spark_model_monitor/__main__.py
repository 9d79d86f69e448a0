"""`python -m spark_model_monitor`: runs the command. It also works if the package is on the path but not installed."""

import sys

from spark_model_monitor.cli import main

if __name__ == "__main__":
    sys.exit(main())
