"""Where a baseline lies: the run's own folder, the files that were named, the run before."""

from spark_model_monitor.reports.history import baselines
from spark_model_monitor.reports.outputs.run_files import CONSTRAINTS, STATISTICS, publish

FILES = {CONSTRAINTS: b"{}"}


def test_a_run_is_named_by_the_folder_that_never_changes(tmp_path):
    run = publish(FILES, str(tmp_path / "baseline"))
    reference = baselines.create_reference_to_run(str(tmp_path / "baseline"))

    assert (reference.run_id, reference.folder) == (run.run_id, f"file:{tmp_path}/baseline/_runs/{run.run_id}")
    assert reference.constraints is None


def test_files_are_named_by_their_whole_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()
    for name in (CONSTRAINTS, STATISTICS):
        (tmp_path / "files" / name).write_bytes(b"{}")
    reference = baselines.create_reference_to_run("files")

    assert reference.constraints == f"file:{tmp_path}/files/{CONSTRAINTS}"
    assert reference.statistics == f"file:{tmp_path}/files/{STATISTICS}"
    assert reference.run_id is None


def test_statistics_that_are_not_there_are_not_named(tmp_path):
    assert (
        baselines.create_reference_to_files(str(tmp_path / CONSTRAINTS), str(tmp_path / STATISTICS)).statistics is None
    )


def test_the_run_before_is_the_one_at_the_path_or_of_an_earlier_hour(tmp_path):
    earlier = publish(FILES, f"{tmp_path}/2026/01/31/21")

    assert baselines.create_reference_to_previous_run(f"{tmp_path}/2026/01/31/22").run_id == earlier.run_id
    assert baselines.create_reference_to_previous_run(f"{tmp_path}/2026/01/31/21").run_id == earlier.run_id
    assert baselines.create_reference_to_previous_run(f"{tmp_path}/2026/01/31/20") is None
    assert baselines.create_reference_to_previous_run(f"{tmp_path}/elsewhere") is None
