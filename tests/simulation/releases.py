"""What other releases leave in a month: states as the first one wrote them, and some that only a later one can read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.simulation.steps import where
from tests.simulation.world import World

from spark_model_monitor.reports.history.maintenance import rebuild_history
from spark_model_monitor.reports.outputs.run_files import CURRENT
from spark_model_monitor.running.runs.state_merge import merge_runs
from spark_model_monitor.statistics.states.encoding import pack

FIRST = frozenset({"data_types", "distinct", "frequencies", "kll", "moments", "vectors"})
"""The kinds of states that a release before this one may have had."""

Rows = list[dict[str, Any]]


def as_of_the_first(top: str, world: World) -> None:
    """The runs below a folder as the first release had left them."""
    for current in sorted(Path(world.folder, top).rglob(CURRENT)):
        _change(current, "states/profile.parquet", lambda rows: [row for row in rows if row["kind"] in FIRST])


def as_of_a_later_one(top: str, world: World) -> None:
    """The last run below a folder as one left it that has a further kind of states."""

    def changed(rows: Rows) -> Rows:
        more = [{**row, "kind": "reservoir", "state": pack("reservoir", 1, {}, b"?")} for row in rows[:1]]
        return [*rows[:1], *more, *rows[1:]]

    for current in sorted(Path(world.folder, top).rglob(CURRENT))[-1:]:
        _change(current, "states/profile.parquet", changed)


def unreadable(version: str, copy: str, world: World) -> None:
    """A copy of a run whose states have a later layout."""
    shutil.copytree(version, copy)
    changed = {"state": pack("outcomes", 99, {}, b"?")}
    _change(Path(world.folder, copy, CURRENT), "states/outcomes.parquet", lambda rows: [{**rows[0], **changed}])


def _change(current: Path, name: str, changed: Callable[[Rows], Rows]) -> None:
    """Write one of the files of the run that counts with other rows, of which the run knows."""
    commit: Mapping[str, Any] = json.loads(current.read_text())
    # The last run lies under the service's names, an earlier one in a folder of its own
    file = current.parent / (commit.get("folder") or "") / name
    table = pq.read_table(file)
    pq.write_table(pa.Table.from_pylist(changed(table.to_pylist()), schema=table.schema), file)
    if file != current.parent / name:
        shutil.copyfile(file, current.parent / name)
    current.write_text(json.dumps({**commit, "sha256": {**commit["sha256"], name: _digest(file)}}))


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def summed(paths: Sequence[str], output: str, world: World) -> None:
    """The runs' states together, of those that there are."""
    merge_runs([where(path) for path in paths if Path(world.folder, path, CURRENT).exists()], where(output))


def history_again(top: str, world: World) -> None:
    """What was monitored below a folder, made again of its states."""
    rebuild_history(where(top))
