"""What senders of a month's captures do to steer, stop or read something: odd records, a file like a manifest, names of models.

The records of a hostile month are damaged in ways that ended runs once. Its fleet is read, whose records name `..` as a model.
A file among the captures names one outside of them, whose content may be nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from random import Random

from tests.simulation.steps import MARK, put, where
from tests.simulation.world import World

from spark_model_monitor.running.scheduling.fleet import read_fleet

SECRET = "not-a-capture"
SECRET_FILE = "private.jsonl"
MANIFEST_FILE = "manifest.jsonl"
TOO_MANY_KEYS = 20_100


def make_odd_line(random: Random, line: str) -> str:
    """A sound record in an odd form; most of them are none any more."""
    record = json.loads(line)
    request = record["captureData"]["endpointInput"]
    event = record["eventMetadata"]
    kind = random.randrange(8)
    if kind == 0:
        return line.replace('"data": "', f'"data": {"[" * 5_000}"{MARK}', 1)
    if kind == 1:
        event |= {f"{MARK}{number}": number for number in range(TOO_MANY_KEYS)}
    elif kind == 2:
        return line.replace(MARK, f"{MARK}\udcff", 1)  # a byte that is no UTF-8
    elif kind == 3:
        request["data"] = "9" * random.choice((400, 10_000)) + f",{MARK}-a"
    elif kind == 4:
        event["targetModel"] = random.choice(("..", "/", f"../{MARK}", "a" * 5_000, 7, None, ["a"]))
    elif kind == 5:
        return line.replace('"eventId"', '"event\\uZZ"', 1)
    elif kind == 6:
        request["data"] = random.choice(
            (f"${{{MARK}}},{MARK}-a", f"\ud800,{MARK}-a", f"40,{MARK}-a,1", "", None, {"a": 1})
        )
    else:
        return json.dumps([record])
    return json.dumps(record)


def prepare_hostile(folder: Path, began: datetime) -> None:
    """The file that no run may read, and the fleet."""
    put(folder / SECRET_FILE, json.dumps({"data": SECRET}) + "\n", began)
    variables = {
        "dataset_format": "capture",
        "dataset_source": where("captures/{name}"),
        "output_path": where("{name}"),
    }
    defaults = {"cron": "0 * * * *", "variables": variables}
    put(folder / "shop.fleet.json", json.dumps({"defaults": defaults, "entries": [{"name": "churn"}]}), began)


def write_manifest(folder: Path, hour: datetime, number: int) -> None:
    """Among the captures, a list of files as a manifest has it. number: says how it names the file."""
    prefixes = (where(""), "", "../../../../../../../", f"{Path.cwd()}/", f"file://{Path.cwd()}/")
    prefix = prefixes[number % len(prefixes)]
    put(folder / MANIFEST_FILE, json.dumps([{"prefix": prefix}, SECRET_FILE]) + "\n", hour)


def watch_fleet(world: World) -> int:
    """Read the fleet; no record makes an entry, or a fault of the one that the user wrote."""
    fleet = read_fleet([Path(world.folder, "shop.fleet.json")], state=Path(world.folder, "fleet"))
    faults = [monitor.fault for monitor in fleet.entries if monitor.fault]
    return int([monitor.name for monitor in fleet.entries] != ["churn"] or bool(faults))


def require_secret(files: Mapping[str, bytes]) -> None:
    """Raises AssertionError if a run has read the file that its captures named."""
    telling = [name for name, content in files.items() if SECRET.encode() in content and name != SECRET_FILE]
    assert not telling, f"have what no capture says: {telling[:9]}"
