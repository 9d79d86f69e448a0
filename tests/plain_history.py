"""What git knows of a tree: its files at a commit, which of them were renamed, which lines are new."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")


def run_git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=True).stdout


def read_commit(root: Path, commit: str) -> dict[str, bytes]:
    """All files of a commit."""
    archive = io.BytesIO(run_git(root, "archive", "--format=tar", commit))
    texts = {}
    with tarfile.open(fileobj=archive) as files:
        for member in files:
            content = None
            if member.isfile():
                content = files.extractfile(member)
            if content is not None:
                texts[member.name] = content.read()
    return texts


def read_file_at(root: Path, commit: str, path: str) -> str:
    """A file's text at a commit. Empty if it is absent there."""
    try:
        return run_git(root, "show", f"{commit}:{path}").decode()
    except subprocess.CalledProcessError:
        return ""


def find_changed_files(root: Path, commit: str) -> dict[str, str]:
    """Each file that differs from a commit, with its path there; files that git doesn't track are not among them."""
    changed = {}
    fields = run_git(root, "diff", "--name-status", "--find-renames", "-z", "--relative", commit).decode().split("\0")
    while fields and fields[0]:
        status = fields.pop(0)
        old_path = fields.pop(0)
        new_path = fields.pop(0) if status[0] in "RC" else old_path
        if status[0] != "D":
            changed[new_path] = old_path
    return changed


def find_added_lines(root: Path, table: str) -> set[tuple[str, int]]:
    """The lines, as path and number, that were added since the table was last committed. Empty without git."""
    try:
        commit = run_git(root, "log", "-1", "--format=%H", "--", table).decode().strip() or "HEAD"
        difference = run_git(
            root, "diff", "--unified=0", "--no-color", "--no-ext-diff", "--relative", commit, "--", "*.py"
        )
        untracked = run_git(root, "ls-files", "--others", "--exclude-standard", "--", "*.py").decode().splitlines()
    except (OSError, subprocess.CalledProcessError):
        return set()
    lines = set()
    path = ""
    for line in difference.decode("utf-8", "replace").splitlines():
        if line.startswith("+++ "):
            path = line.removeprefix("+++ ").removeprefix("b/")
        elif hunk := HUNK.match(line):
            start = int(hunk[1])
            count = int(hunk[2] or 1)
            lines |= {(path, number) for number in range(start, start + count)}
    for path in untracked:
        count = (root / path).read_bytes().count(b"\n")
        lines |= {(path, number) for number in range(1, count + 2)}
    return lines
