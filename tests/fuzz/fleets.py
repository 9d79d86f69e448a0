"""Captures of an endpoint of a fleet with odd `targetModel`s, made from a seed, and the law of the fleet's entries.

The law: whatever captured records say, a fleet is read without an error. The user's entries keep their names and outputs. A
model adds at most one entry, whose output is one folder below its endpoint's. Records without a model keep their entry, and
only valid records of the captures name models, each of which is in the captures.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue
from tests.fuzz.damage import ODD_TEXTS, JsonText, damaged, damaged_bytes, odd_value, write_line

from spark_model_monitor.running.scheduling.fleet import Entry, read_fleet
from spark_model_monitor.running.scheduling.target_models import MAX_MODELS

ORDINARY_RECORDS = 12
USER_ENTRIES = ("shop", "shop-blue", "shop-a.tar.gz")
FOLDERS = ("captures/shop/AllTraffic/2024/03/04/19", "captures/shop/AllTraffic/2024/03/04/20")

_HOSTILE_NAMES = (
    *(
        "..",
        ".",
        "../..",
        "/",
        "//",
        "/etc/passwd",
        "a/../b",
        "~",
        "-",
        "--help",
        "-rf",
        "$HOME",
        "${x}",
        "{entry}",
        "{name}",
    ),
    *(
        "2024",
        "2024/03/04/20",
        "_runs",
        "_alerts.json",
        "history.html",
        "history.parquet",
        "AllTraffic",
        "blue",
        "a.tar.gz",
    ),
    *("%Y", "%s%n", "a b", " a", "a\n", "a\x00b", "\u202egz.rat", "é.tar.gz", "a" * 200, "a" * 100_000, "A.tar.gz"),
    *(
        "a-0123456789abcdef",
        "0123456789abcdef",
        "file:///etc",
        "s3://bucket/key",
        "blue-a.tar.gz",
        "a,b",
        "a=b",
        "@file",
    ),
)


def _capture(**metadata: JsonValue) -> dict[str, JsonValue]:
    return {
        "captureData": {"endpointInput": {"data": "1,2", "encoding": "CSV"}},
        "eventMetadata": {"eventId": "1", "inferenceTime": "2024-03-04T20:10:00Z", **metadata},
    }


def _name_many(rng: random.Random) -> list[bytes]:
    count = rng.choice((2, MAX_MODELS, MAX_MODELS * 3))
    return [write_line(_capture(targetModel=f"m{number}.tar.gz"), rng) for number in range(count)]


def _split_member_name(rng: random.Random) -> list[bytes]:
    """The member is written with an escape sequence, which is the same member."""
    text = json.dumps(_capture(targetModel="b.tar.gz")).replace("targetModel", "\\u0074argetModel")
    return [text.encode()]


ODD_RECORDS: dict[str, Callable[[random.Random], list[bytes]]] = {
    "hostile names": lambda rng: [write_line(_capture(targetModel=rng.choice(_HOSTILE_NAMES)), rng)],
    "odd texts": lambda rng: [write_line(_capture(targetModel=rng.choice(ODD_TEXTS)), rng)],
    "other types": lambda rng: [write_line(_capture(targetModel=odd_value(rng)), rng)],
    "ordinary names": lambda rng: [write_line(_capture(targetModel="b.tar.gz"), rng)],
    "damaged names": lambda rng: [
        rng.choice((b'"targetModel": "a\xff"', b'{"targetModel":"\\uZZ"', b'"targetModel":"a\x01"'))
    ],
    "damaged members": lambda rng: [write_line(damaged(_capture(targetModel="b.tar.gz"), rng), rng)],
    "damaged bytes": lambda rng: [damaged_bytes(write_line(_capture(targetModel="b.tar.gz"), rng), rng)],
    "no object of metadata": lambda rng: [
        write_line({**_capture(), "eventMetadata": JsonText('["targetModel"]')}, rng)
    ],
    "names of nothing": lambda rng: [
        write_line({"eventMetadata": {"targetModel": "ghost.tar.gz"}, "captureData": 5}, rng)
    ],
    "names within data": lambda rng: [write_line(_capture(more={"targetModel": "inner.tar.gz"}), rng)],
    "escape sequences": _split_member_name,
    "many names": _name_many,
}
"""What is odd about the records, which are lines of a capture file."""

NEVER_MODELS = ("ghost.tar.gz", "inner.tar.gz", "..")


def require_law(folder: Path, seed: int) -> None:
    """Raises AssertionError if a fleet breaks the law. folder: for its file and its captures."""
    rng = random.Random(seed)
    kinds = list(ODD_RECORDS)
    chosen = [kinds[seed % len(kinds)], *rng.choices(kinds, k=rng.randrange(3))]
    odd_lines = [line for kind in chosen for line in ODD_RECORDS[kind](rng)]
    lines = [write_line(_capture(), rng) for _ in range(ORDINARY_RECORDS)] + odd_lines
    rng.shuffle(lines)

    # The captures, in two hours
    shutil.rmtree(folder / "captures", ignore_errors=True)
    for number, path in enumerate(FOLDERS):
        (folder / path).mkdir(parents=True)
        (folder / path / "0.jsonl").write_bytes(b"".join(line + b"\n" for line in lines[number :: len(FOLDERS)]))
    state = folder / "state"
    state.mkdir(exist_ok=True)

    # The fleet that reads them
    variables = {"dataset_format": "capture", "dataset_source": "captures/{name}", "output_path": "reports/{name}"}
    fleet_file = folder / "law.fleet.json"
    names = [{"name": name} for name in USER_ENTRIES]
    fleet_file.write_text(json.dumps({"defaults": {"cron": "0 * * * *", "variables": variables}, "entries": names}))
    _require_entries(read_fleet([fleet_file], state=state).entries, odd_lines, folder)


def _require_entries(monitors: tuple[Entry, ...], odd_lines: list[bytes], folder: Path) -> None:
    user_monitors = [monitor for monitor in monitors if not monitor.is_discovered]
    discovered = [monitor for monitor in monitors if monitor.is_discovered]
    assert [monitor.name for monitor in user_monitors] == list(USER_ENTRIES)
    assert not [monitor.fault for monitor in monitors if monitor.fault]
    assert len(discovered) <= MAX_MODELS
    assert len({monitor.name for monitor in monitors}) == len(monitors)

    paths = [_variables(monitor)["output_path"] for monitor in monitors]
    assert len(set(paths)) == len(paths)
    assert paths[: len(USER_ENTRIES)] == [f"reports/{name}" for name in USER_ENTRIES]
    for path in paths[len(USER_ENTRIES) :]:
        assert (folder / path).resolve().parent == folder / "reports" / "shop", path
        assert not path.rpartition("/")[2].isdecimal(), path
    for monitor in discovered:
        model = _variables(monitor)["target_model"]
        written = json.dumps(model, ensure_ascii=False)[1:-1].encode()
        assert model not in NEVER_MODELS
        assert any(written in line or b"\\u" in line for line in odd_lines), model
    reads = _variables(user_monitors[0]).get("target_model")
    assert reads == "-" or (reads is None and not discovered)


def _variables(monitor: Entry) -> dict[str, str]:
    assert monitor.plan is not None
    return dict(monitor.plan.entry.jobs[0].variables or {})
