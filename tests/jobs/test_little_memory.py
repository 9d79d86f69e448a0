"""A process that may take little memory ends with a sentence, at once."""

import resource
import subprocess
import sys

import pytest


@pytest.mark.parametrize("megabytes", [150, 250, 400])
def test_too_little_memory_for_any_command_is_a_sentence(tmp_path, megabytes):
    (tmp_path / "data.csv").write_text("age\n" + "1\n" * 400)
    limit = megabytes * 1_000_000
    ended = subprocess.run(
        [sys.executable, "-m", "spark_model_monitor", "baseline", "data.csv", "--engine", "local"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )

    assert (ended.returncode, ended.stdout) == (255, "")
    assert ended.stderr.startswith("Error: memory: this process may not take what it needs; raise its limit (ulimit -v")
    assert len(ended.stderr.splitlines()) == 1
