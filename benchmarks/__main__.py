"""All benchmarks, one after the other, each in a process of its own: `python -m benchmarks [--quick]`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    folder = Path(__file__).parent
    for script in [
        *sorted(folder.glob("profile_*.py")),
        folder / "capture_latency.py",
        folder / "merge.py",
        folder / "quality.py",
        folder / "bias.py",
        folder / "attributions.py",
        folder / "attributions_memory.py",
        folder / "attributions_cores.py",
        folder / "false_alarms.py",
        folder / "dag_import.py",
        folder / "start_up.py",
        folder / "engines.py",
        folder / "tails.py",
        folder / "without_jvm.py",
        folder / "commands.py",
        folder / "documents.py",
        folder / "report.py",
        folder / "page_of_a_window.py",
        folder / "long_lines.py",
        folder / "limits.py",
        folder / "cores.py",
        folder / "scale.py",
        folder / "s3_beside_disk.py",
    ]:
        print(f"== {script.name}", flush=True)
        subprocess.run([sys.executable, str(script), *sys.argv[1:]], check=True)
