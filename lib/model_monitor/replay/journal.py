"""The journal of a replay: a small file for each window that was run, so that an interrupted replay goes on where it was.

What the verdicts depend on (baseline, options, script, release) names the folder, and the captures' files stand in each
entry: an entry made of anything else is never taken.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from model_monitor import __version__
from model_monitor.configuration.contract import JobConfig
from model_monitor.data.records.windows import Window
from model_monitor.documents import json_text
from model_monitor.errors import BadDocument
from model_monitor.replay.verdicts import Verdict
from model_monitor.reports.outputs.files import CONSTRAINTS, CURRENT, STATISTICS
from model_monitor.storage import Storage, StoredFile, join

log = logging.getLogger(__name__)

FOLDER = "journal"

ReadIfThere = Callable[[str], bytes | None]

_NOT_OF_THE_VERDICT = {
    *("job", "output_path", "start_time", "end_time", "compat", "progress", "env_file", "container_root"),
    *("lease_wait", "ignored", "doubtful"),
}


@dataclass(frozen=True, slots=True)
class Journal:
    """The entries of one replay, below `folder`."""

    storage: Storage
    folder: str

    def read(self, window: Window, inputs: str) -> tuple[Verdict, Verdict] | None:
        """The verdicts with `--compat service` and by default; None if the window was not run on these inputs."""
        path = self._path(window)
        if not self.storage.exists(path):
            return None
        try:
            entry = json_text.load(self.storage.read(path), path)
            if entry["inputs"] != inputs:
                return None
            return Verdict.from_plain(entry["compat_service"]), Verdict.from_plain(entry["default"])
        except (BadDocument, KeyError, TypeError):
            log.warning("%s is no entry of a journal; the window is run again", path)
            return None

    def write(
        self, window: Window, inputs: str, service: Verdict, default: Verdict, tables: Mapping[str, bytes]
    ) -> None:
        """Enter the verdicts of a window, after the tables of its run by default, which are called as in a run.

        Raises OutputFailed if they can't be written.
        """
        entry = {"inputs": inputs, "compat_service": service.plain(), "default": default.plain()}
        for name, content in tables.items():
            self.storage.write(f"{self._path(window).removesuffix('.json')}/{name}", content)
        self.storage.write(self._path(window), (json.dumps(entry, ensure_ascii=False) + "\n").encode())

    def _path(self, window: Window) -> str:
        return join(self.folder, f"{window.start:%Y%m%dT%H%MZ}.json")


def question_of(config: JobConfig, read: ReadIfThere) -> str:
    """What all verdicts of a replay depend on but for the captures, as 16 hexadecimal digits.

    read: gives the content of a path, None if there is no such file.
    """
    told = sorted((name, repr(value)) for name, value in config if name not in _NOT_OF_THE_VERDICT)
    digest = hashlib.sha256(f"{__version__}\0{told}".encode())
    for path in _files_told(config):
        digest.update(hashlib.sha256(read(path) or b"").digest())
    return digest.hexdigest()[:16]


def inputs_of(files: Iterable[StoredFile]) -> str:
    """Which files a window was read from, in what state, as 16 hexadecimal digits."""
    listed = "".join(f"{file.path}\0{file.size_bytes}\0{file.modified_ms}\n" for file in files)
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


def _files_told(config: JobConfig) -> list[str]:
    """Paths whose content counts: the baseline's documents, the script; `_current.json` has the hashes of states."""
    paths = [config.baseline_constraints, config.baseline_statistics, config.record_preprocessor_script]
    if config.baseline is not None:
        paths += [join(config.baseline, name) for name in (CURRENT, CONSTRAINTS, STATISTICS)]
    return [path for path in paths if path is not None]
