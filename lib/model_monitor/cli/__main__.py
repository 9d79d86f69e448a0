"""`python -m model_monitor.cli`: the command, where the package lies on the path and is not installed."""

import sys

from model_monitor.cli import main

sys.exit(main())
