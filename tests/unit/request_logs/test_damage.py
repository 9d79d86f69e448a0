"""No damage to a record of a log raises: it is an event, or is put aside with its reason."""

import json
import random

import pyarrow as pa
import pytest
from tests.fuzz.damage import damaged, damaged_bytes, write_line
from tests.request_log_samples import LOGS

from spark_model_monitor.data.records.locations import FILE, LINE
from spark_model_monitor.data.request_logs import find_log_reader
from spark_model_monitor.data.request_logs.capture_lines import CAPTURES, ConvertedLog, join_halves

LINES = 40


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_no_damage_raises(log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = log.write(tmp_path)
    rng = random.Random(log.name)
    task = ConvertedLog(find_log_reader(log.request_log), str(folder))
    # Each record of the log, damaged in many ways
    lines = []
    for path in sorted(folder.rglob("*.json*")):
        for text in path.read_bytes().splitlines():
            try:
                document = json.loads(text)
            except ValueError:
                continue
            if isinstance(document, dict):
                lines += [write_line(damaged(document, rng), rng) for _ in range(LINES)]
                lines += [damaged_bytes(text, rng) for _ in range(LINES)]
    lines = [line for line in lines if line.strip()]

    batch = pa.record_batch({LINE: pa.array(lines, pa.binary()).view(pa.string()), FILE: ["file:/log"] * len(lines)})
    events = list(task([batch]))
    assert sum(map(len, events)) >= len(lines)
    if events and events[0].schema != CAPTURES:
        events = list(join_halves(events))
    for batch in events:
        assert all(isinstance(json.loads(line), dict) for line in batch.column("text").to_pylist())
