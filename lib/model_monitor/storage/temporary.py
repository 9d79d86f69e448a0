"""Files that are wanted for a while."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path


class TemporaryFolder:
    """A folder on this machine that goes with what holds it, at the latest with Python itself."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="model-monitor-"))
        self.delete = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
