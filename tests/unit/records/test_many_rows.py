"""One captured record of very many rows: the same rows as when they are taken all at once, in a bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.data.records import arrays, captured_lines
from spark_model_monitor.data.records.captured_lines import CapturedLines
from spark_model_monitor.data.records.decoding import Reading, decode
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.spark.engine.application import MALLOC_SETTINGS

READING = Reading(("endpointInput", "endpointOutput"), ("p", "a", "b"), 3)


def read_rows(*records):
    lines = [encode_line(record) for record in records]
    rows = CapturedLines(READING).rows(pa.record_batch([pa.array(lines, pa.string())], names=[LINE]))
    cells = list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
    return cells, rows.lines.tolist(), rows.reasons.tolist(), rows.record_widths.tolist()


@pytest.mark.parametrize("count", [2, 6, 7, 8, 13, 14, 15, 100])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_pieces_of_a_payload_are_its_rows(monkeypatch, count, end):
    monkeypatch.setattr(captured_lines, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(arrays, "WINDOW_BYTES", 5)
    inputs = [f"{number},{'x' * (number % 9)}" for number in range(count)]
    record = captured("\n".join(inputs) + end, "\n".join(f"0.{number}" for number in range(count)) + end)
    cells, lines, reasons, widths = read_rows(captured("1,2", "0.5"), record, captured("3,4", "0.25"))

    assert cells[1:-1] == [(f"0.{number}", str(number), "x" * (number % 9) or None) for number in range(count)]
    assert lines == [0, *[1] * count, 2]
    assert reasons == [0] * (count + 2)
    assert widths == [3, 3, *[0] * (count - 1), 3]


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [("1,2\n3,4\n5,6", "1\n2"), ("1,2\n3,4", "1\n2\n3"), ("1,2\n3", "1\n2"), ("1,2\n3,4,5", "1\n2")],
    ids=["fewer outputs", "fewer inputs", "a short row", "a long row"],
)
def test_rows_that_do_not_fit_refuse_the_record_for_what_is_wrong(monkeypatch, inputs, outputs):
    monkeypatch.setattr(captured_lines, "ROWS_AT_ONCE", 1)
    record = captured(inputs, outputs)
    _, lines, reasons, _ = read_rows(captured("1,2", "0.5"), record)

    assert (lines, reasons) == ([0, 1], [0, decode(encode_line(record), READING).reason])


PROGRAM = """
import numpy as np, pyarrow as pa
from tests.unit.records.captured_lines import captured, encode_line
from tests.unit.records.test_many_rows import READING
from spark_model_monitor.data.records.captured_lines import CapturedLines
from spark_model_monitor.data.records.locations import LINE

count = 400_000
numbers = np.random.default_rng(3).integers(100_000, 1_000_000, count).astype("U6")
record = captured("\\n".join(f"0.{n},{n}" for n in numbers), "\\n".join(f"0.{n}" for n in numbers))
line = encode_line(record)
size = len(line)
batch = pa.record_batch([pa.array([line], pa.binary()).view(pa.string())], names=[LINE])
decoder = CapturedLines(READING)
decoder.rows(pa.record_batch([pa.array([encode_line(captured("1,2", "1"))], pa.string())], names=[LINE]))
del line, record, numbers
open("/proc/self/clear_refs", "w").write("5")

def memory(name):
    return [int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(name)][0]

before = memory("VmRSS")
rows = decoder.rows(batch)
assert len(rows.lines) == count
print((memory("VmHWM") - before) / size)
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of a process is reset in Linux alone")
def test_a_record_of_many_rows_takes_no_more_than_six_times_its_line():
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, **MALLOC_SETTINGS, "PYTHONPATH": f"{root}:{root / 'lib'}"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, cwd=root)

    assert done.returncode == 0, done.stderr
    assert float(done.stdout) <= 6
