"""Runs the notebooks of docs/ from their first cell to their last and keeps what they show: `python -m tests.notebooks`.

`make docs` calls it. A kernel has the clone's package; its files go to a temporary folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "notebooks"


def executed(path: Path, folder: Path) -> NotebookNode:
    """The notebook with fresh outputs; it runs in `folder`, and its file stays as it is."""
    notebook = nbformat.read(path, as_version=4)
    search = os.pathsep.join(filter(None, [str(ROOT / "lib"), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": search, "TMPDIR": str(folder), "SPARK_LOCAL_IP": "127.0.0.1"}
    client = NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
    return notebook


def main() -> int:
    for path in sorted(FOLDER.glob("*.ipynb")):
        with TemporaryDirectory() as folder:
            nbformat.write(executed(path, Path(folder)), path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
