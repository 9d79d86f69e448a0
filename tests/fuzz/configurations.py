"""Files of fleets and schedules that are damaged, made from a seed, and the law of what comes of them.

The law: a file is read, or refused by a short sentence that names it, within seconds of a core.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from pydantic import JsonValue
from tests.fuzz.damage import ODD_TEXTS, JsonText, damaged, damaged_bytes, encode_json, odd_value

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.running.scheduling.fleet import read_fleet

MAXIMUM_SECONDS = 10.0
LONGEST_SENTENCE = 3_000

ODD_TIMES = (
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "1970-01-01T00:00:00Z"),
    *("2024-02-30T00:00:00Z", "2024-13-45", "soon", "-1", "1e400", "2024-03-04T19:00:00+99:00"),
)
ODD_SCHEDULES = (
    "* * * * *",
    "0 0 30 2 *",
    "61 * * * *",
    "*/0 * * * *",
    "0 * * * * *",
    "@hourly",
    "0-59/7 1,2 * * 7",
    "",
)


def make_fleet(rng: random.Random) -> dict[str, JsonValue]:
    """A fleet whose times and schedules are odd."""
    variables: dict[str, JsonValue] = {"dataset_source": "captures/{name}", "output_path": "reports/{name}"}
    if rng.random() < 0.4:
        variables[rng.choice(("dataset_format", "min_traffic", "max_runtime", "late_labels"))] = rng.choice(
            ("capture", "PT1H", "P99999999999D", *ODD_TEXTS)
        )
    schedule: dict[str, JsonValue] = {"name": "shop"}
    if rng.random() < 0.3:
        schedule["name"] = rng.choice(("..", "a/b", *ODD_TEXTS))
    for member, texts in (("starts", ODD_TIMES), ("cron", ODD_SCHEDULES), ("timezone", ("UTC", "Mars/Base", "../etc"))):
        if rng.random() < 0.2:
            schedule[member] = rng.choice(texts)
    defaults: dict[str, JsonValue] = {"cron": "0 * * * *", "variables": variables}
    return {"defaults": defaults, "entries": [schedule, {"name": "other"}]}


def _expand_aliases(rng: random.Random) -> str:
    """A list of lists of lists, of which YAML writes each only once."""
    width = rng.randint(2, 12)
    begin = rng.choice(("[lol]", "*a0", "{a: *a0}", "1"))
    lines = [f"a0: &a0 {begin}"]
    for level in range(1, rng.randint(2, 40)):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]")
    return "\n".join(lines)


def write_configuration(folder: Path, seed: int) -> Path:
    """A file of a fleet of a seed."""
    rng = random.Random(seed)
    file = folder / rng.choice(("law.fleet.json", "fleet.yaml"))
    fleet = make_fleet(rng)
    kind = rng.randrange(9)
    if kind == 0:
        fleet["entries"] = odd_value(rng)
    elif kind < 3:
        fleet = damaged(fleet, rng)
    content = encode_json(fleet, colon=": ", ascii_only=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if kind == 3:
        content = damaged_bytes(content, rng)
    if kind == 4:
        content = encode_json(JsonText("[" * rng.choice((500, 50_000)))).encode()
    if kind == 5 and file.suffix == ".yaml":
        content = _expand_aliases(rng).encode()
    file.write_bytes(content)
    return file


def require_law(folder: Path, seed: int) -> bool:
    """Raises AssertionError if a file of a seed breaks the law; returns whether it was read."""
    file = write_configuration(folder, seed)
    begin = time.process_time()
    try:
        fleet = read_fleet([file], state=folder)
    except MonitorError as refusal:
        sentences = [str(refusal)]
        assert file.name in sentences[0], sentences[0]
    else:
        sentences = [str(monitor.fault) for monitor in fleet.entries if monitor.fault]
    seconds = time.process_time() - begin
    assert seconds <= MAXIMUM_SECONDS, f"{seconds:.1f} core s"
    for sentence in sentences:
        assert len(sentence) <= LONGEST_SENTENCE, f"{len(sentence)} characters: {sentence[:LONGEST_SENTENCE]}"
    return not sentences
