"""benchmarks/year.py: the counts that costs are sums of, the costs that are found again, and hours that are really played."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("year", "year_plays")


@pytest.fixture(scope="module")
def year():
    """The module, which is gone again afterwards with what it imports of benchmarks/."""
    before = {*sys.modules}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("year")
    for name in {*MODULES, "performance"} - before:
        sys.modules.pop(name, None)


def test_what_retention_keeps_is_counted(year):
    counts = year.count_work(year.Play(models=1, hours=600, killed_every=100))["files"].iloc[-1]
    windows = [hour for hour in range(600) if not year.plan_faults(0, hour).is_empty]

    assert 400 < len(windows) < 600, "else nothing is empty or deleted"
    assert counts["models"] == 1
    assert counts["kept windows"] == 400
    assert counts["kept pages"] == len([hour for hour in windows if hour >= 600 - 7 * 24])
    assert counts["kept states"] == len([hour for hour in windows if hour >= 600 - 10 * 24])


def test_costs_that_were_put_in_are_found_again(year):
    plays = [year.Play(1, 1_200, 100), year.Play(30, 24, 8)]
    costs = pd.Series(0.0, list(year.WORK))
    costs.update(pd.Series({"passes": 0.05, "killed passes": 3.0, "windows": 0.2, "history": 0.1, "alarms": 0.02}))
    measured = [pd.DataFrame({"requests": year.count_work(play)["requests"] @ costs}) for play in plays]

    fitted = year.fit_first_halves(plays, measured, "requests")

    assert dict(fitted) == pytest.approx(dict(costs), abs=1e-6)
    for play, rows in zip(plays, measured, strict=True):
        prediction = year.predict_second_half(play, rows, "requests", fitted)
        assert prediction.measured == pytest.approx(rows["requests"][play.hours // 2 :].sum())
        assert prediction.error == pytest.approx(0.0, abs=1e-6)


def test_a_call_of_the_storage_is_one_request_whatever_it_calls(tmp_path):
    (tmp_path / "folder").mkdir()
    for name in "abc":
        (tmp_path / "folder" / name).touch()
    words = (
        "import year_plays; from spark_model_monitor.storage import LocalStorage; storage = LocalStorage(); "
        f"storage.list_files({str(tmp_path)!r}); storage.delete({str(tmp_path / 'folder')!r})"
    )

    run_python(words, tmp_path / "requests")

    assert not (tmp_path / "folder").exists()
    assert (tmp_path / "requests").stat().st_size == 2


@pytest.mark.nightly
def test_hours_are_played_whose_passes_are_killed(tmp_path):
    words = (
        "import year_plays; from pathlib import Path; "
        f"year_plays.play_hours(Path({str(tmp_path)!r}), year_plays.Play(models=1, hours=3, killed_every=2))"
    )

    run_python(words, tmp_path / "requests")

    measured = [json.loads(line) for line in (tmp_path / "hours.jsonl").read_text().splitlines()]
    windows = {file.parent for file in tmp_path.glob("reports/model-000/2025/01/01/*/_current.json")}
    assert {folder.name for folder in windows} == {"01", "02", "03"}
    assert [hour["hour"] for hour in measured] == [0, 1, 2]
    assert measured[1]["requests"] > measured[2]["requests"], "the pass was repeated"
    assert all(hour["core_seconds"] > 0 for hour in measured)
    reports = [file for part in ("reports", "state") for file in (tmp_path / part).rglob("*") if file.is_file()]
    assert measured[-1]["files"] == len(reports)


def run_python(words, requests):
    paths = os.pathsep.join([str(ROOT / "lib"), str(ROOT / "benchmarks")])
    environment = {**os.environ, "PYTHONPATH": paths, "BENCHMARK_REQUESTS": str(requests)}
    subprocess.run([sys.executable, "-c", words], env=environment, check=True)
