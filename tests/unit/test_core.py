"""What somebody has to know of the package to follow data quality of a frame: no more than this is loaded by it."""

import json

from tests.programs import printed_by

MODULES = 166
"""163 before a change had words and a card of its own and times were read by their facts alone; 159 before hours of
the day, spellings of names and roles of captured columns were looked at; 133 with the tails and quantiles that SciPy gave
before."""
LINES = 40_000
"""32,000 before each statement had a line of its own, steps a comment, and long conditional expressions became `if`;
29,800 and 150 modules before checks said what decided them, modules of verdicts what they assume, and rows of many files
were put in order; 27,500 before columns of dates were checked, repeated rows beside their natural copies, and first days of a
schedule apart;
25,700 before runs had three outcomes, limits said who wrote them, columns of mostly numbers were compared, and each column had
its own design effect; 25,200 before times were judged by their age and what a baseline says of windows was kept, 24,900 before
columns said together how much they vary and a column could name groups of rows, 22,900 before free texts, repeated rows, times,
pairs of columns and groups of rows were looked at and alarms said where their rows are from, 22,600 before rows could be cut into
segments, 20,000 before there were kinds of values, a person's expectations, frames of any library, and pages with earlier
windows."""

PROGRAM = """
import json, sys
import numpy as np, pandas as pd
import spark_model_monitor as mm

rng = np.random.default_rng(1)
frame = pd.DataFrame({"age": rng.normal(40, 9, 500), "plan": rng.choice(["a", "b"], 500)})
baseline = mm.run_baseline(frame, mm.DataQualityMonitor())
mm.run_monitoring(frame, mm.DataQualityMonitor(), baseline).write(sys.argv[1])
loaded = {name: module.__file__ for name, module in sys.modules.items() if name.startswith("spark_model_monitor")}
print(json.dumps({name: sum(1 for _ in open(file)) for name, file in loaded.items() if file}))
"""


def test_data_quality_of_a_frame_is_a_small_core(tmp_path):
    lines = json.loads(printed_by(PROGRAM, str(tmp_path / "out")).splitlines()[-1])
    # The longest modules, for whoever has to shorten something
    largest = sorted(lines.items(), key=lambda module_lines: -module_lines[1])[:20]

    assert len(lines) <= MODULES, sorted(lines)
    assert sum(lines.values()) <= LINES, largest


def test_data_quality_of_a_frame_loads_nothing_of_captures_labels_or_spark(tmp_path):
    lines = json.loads(printed_by(PROGRAM, str(tmp_path / "out")).splitlines()[-1])
    rooms = ("spark.", "monitors.bias", "monitors.model_quality", "monitors.explainability", "data.reading.captures")

    assert [name for name in lines if name.removeprefix("spark_model_monitor.").startswith(rooms)] == []
