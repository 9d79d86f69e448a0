"""The demo command around a baselining job; the job itself is started for real in tests/jobs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from model_monitor.demo.run import main

STATISTICS = """{
  "version" : 0.0,
  "dataset" : { "item_count" : 40 },
  "features" : [ {
    "name" : "day_minutes",
    "inferred_type" : "Fractional",
    "numerical_statistics" : {
      "common" : { "num_present" : 30, "num_missing" : 10 },
      "mean" : 180.25, "sum" : 5407.5, "std_dev" : 52.0, "min" : 0.0, "max" : 372.9,
      "approximate_num_distinct_values" : 29, "completeness" : 0.75
    }
  }, {
    "name" : "plan",
    "inferred_type" : "String",
    "string_statistics" : {
      "common" : { "num_present" : 40, "num_missing" : 0 },
      "distinct_count" : 5.0, "completeness" : 1.0
    }
  } ]
}"""


class Job:
    """Stands for a submitted job: notes its flags, writes a small statistics.json, ends with `status`."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.flags: dict[str, str] = {}

    def __call__(self, flags):
        self.flags = dict(zip(flags[::2], flags[1::2], strict=True))
        if self.status == 0:
            target = Path(self.flags["--output-path"]) / "statistics.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(STATISTICS)
        return self.status


def test_the_job_gets_the_generated_file_as_a_user_would_name_it(tmp_path):
    job = Job()

    assert main(["--output", str(tmp_path), "--rows", "40"], out=io.StringIO(), start_job=job) == 0
    assert job.flags == {
        "--dataset-source": str(tmp_path / "baseline.csv"),
        "--dataset-format": "csv",
        "--output-path": str(tmp_path / "baseline"),
    }
    assert len((tmp_path / "baseline.csv").read_text().splitlines()) == 41


def test_the_report_ends_with_a_table_of_the_features_and_the_places_of_the_files(tmp_path):
    out = io.StringIO()

    main(["--output", str(tmp_path), "--rows", "40"], out=out, start_job=Job())

    found = out.getvalue().partition("40 rows, 2 features\n\n")[2]
    assert found.splitlines()[:4] == [
        "feature      type        completeness  distinct   mean  std  min    max",
        "-----------  ----------  ------------  --------  -----  ---  ---  -----",
        "day_minutes  Fractional          0.75        29  180.2   52    0  372.9",
        "plan         String                 1         5      -    -    -      -",
    ]
    for name in ("baseline.csv", "baseline/statistics.json", "baseline/constraints.json", "captures", "fault.json"):
        assert f"{tmp_path / name} " in found


def test_a_rerun_says_and_leaves_the_same(tmp_path):
    tables = []
    for _ in range(2):
        out = io.StringIO()
        assert main(["--output", str(tmp_path), "--rows", "40"], out=out, start_job=Job()) == 0
        tables.append(out.getvalue().partition("40 rows")[2])

    assert tables[0] == tables[1]


def test_a_job_that_fails_gives_the_demo_its_exit_status_and_no_table(tmp_path, capsys):
    out = io.StringIO()

    assert main(["--output", str(tmp_path), "--rows", "40"], out=out, start_job=Job(status=255)) == 255
    assert "The baselining job ended with exit status 255" in capsys.readouterr().err
    assert "features" not in out.getvalue()


def test_no_rows_are_refused_before_anything_is_written(tmp_path, capsys):
    job = Job()

    assert main(["--output", str(tmp_path / "demo"), "--rows", "0"], out=io.StringIO(), start_job=job) == 2
    assert capsys.readouterr().err.startswith("Error: --rows is 0; a baseline needs at least 1 row")
    assert not (tmp_path / "demo").exists()
    assert not job.flags


@pytest.mark.parametrize("rows", ["many", "1.5"])
def test_rows_that_are_no_whole_number_are_refused(rows, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--rows", rows], out=io.StringIO(), start_job=Job())

    assert ended.value.code == 2
    assert f"argument --rows: invalid int value: '{rows}'" in capsys.readouterr().err
