"""Commands as processes: which start Spark, and which load neither it nor pandas; tests/unit/cli has the rest."""

import json
import os
import sys

from tests.programs import LIB, run_program
from tests.s3 import traffic

ORDERS = "country,items\n" + "DE,1\nFR,3\nPL,2\n" * 40


def test_what_needs_spark_gets_one_as_spark_submit_starts_it(tmp_path):
    (tmp_path / "march.csv").write_text(ORDERS)
    reader = '{"spark": {"format": "csv", "options": {"header": true}}}'
    done = run_program(
        [sys.executable, "-m", "spark_model_monitor", "baseline", "march.csv", "--dataset-format", reader],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(LIB)},
    )

    assert done.returncode == 0, done.stderr
    assert "engine: Spark, the reader 'csv' is Spark's" in done.stderr
    assert (tmp_path / "march-baseline" / "constraints.json").is_file()


QUALITY = ("--analysis-type", "MODEL_QUALITY", "--problem-type", "BinaryClassification")
QUALITY_COLUMNS = ("--inference-attribute", "prediction", "--ground-truth-attribute", "label")
OUTCOMES = ("--dataset-source", "outcomes.csv")
COMMANDS_ON_FILES = (
    ("baseline", *traffic.baseline_flags(".", "baseline")),
    ("monitor", *traffic.monitor_flags(".", "report", "baseline")),
    ("merge", *traffic.merge_flags(".", "merged")),
    ("baseline", *OUTCOMES, *QUALITY, *QUALITY_COLUMNS, "--output-path", "quality"),
    ("monitor", *OUTCOMES, *QUALITY, *QUALITY_COLUMNS, "--baseline", "quality", "--output-path", "quality-report"),
    ("baseline", *OUTCOMES, "--analysis-type", "MODEL_BIAS", "--analysis-config", "bias.json", "--output-path", "bias"),
    ("report", "report"),
)


def test_commands_on_local_files_import_no_pandas(tmp_path):
    for name, content in traffic.objects().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    outcomes = "".join(f"{row % 2},{row // 2 % 2},{'abb'[row % 3]}\n" for row in range(60))
    (tmp_path / "outcomes.csv").write_text(f"label,prediction,kind\n{outcomes}")
    facet = [{"name_or_index": "kind", "value_or_threshold": ["b"]}]
    columns = {"label": "label", "predicted_label": "prediction", "label_values_or_threshold": [1], "facet": facet}
    (tmp_path / "bias.json").write_text(json.dumps({"dataset_type": "text/csv", **columns}))

    program = f"""
import sys
from spark_model_monitor.cli import main
for words in {COMMANDS_ON_FILES}:
    assert main(words) == 0, words
    assert "pyarrow.lib" in sys.modules
    # What is refused to Arrow stands there as pandas, too, but no module of it
    assert not [name for name in sys.modules if name.startswith("pandas.")], words
"""
    environment = {"PYTHONPATH": str(LIB), "PATH": os.defpath, "JAVA_HOME": str(tmp_path / "no java")}
    done = run_program([sys.executable, "-c", program], cwd=tmp_path, env=environment)

    assert done.returncode == 0, done.stderr
