"""Versions of a baseline: one counts, monitors may pin another, and a rollback is one file."""

import json
from datetime import datetime, timezone

import pytest
from tests.leases import waiting_while_held

from spark_model_monitor import cli
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput
from spark_model_monitor.reports.history import baselines
from spark_model_monitor.reports.history.decisions import promote, roll_back
from spark_model_monitor.reports.outputs.run_files import publish, read_current_run

NOW = datetime(2026, 1, 31, tzinfo=timezone.utc)


def constraints(threshold):
    """A constraints.json that a threshold tells from others."""
    feature = {"name": "Day Mins", "inferred_type": "Fractional", "completeness": threshold}
    return json.dumps({"version": 0.0, "features": [feature]}).encode()


@pytest.fixture
def runs(tmp_path):
    """`runs(name, threshold)`: the output path of a baselining run."""

    def run(name, threshold):
        publish({"constraints.json": constraints(threshold), "ledger.json": name.encode()}, str(tmp_path / name))
        return str(tmp_path / name)

    return run


def read_completeness(path):
    """The threshold that a monitor with `--baseline path` goes by."""
    return baselines.read_run_baseline(path).constraints.features[0].completeness


def test_the_version_promoted_last_counts_and_each_can_be_pinned(runs, tmp_path):
    folder = str(tmp_path / "baselines")
    promote(runs("january", 0.9), "1", folder, NOW)
    promote(runs("february", 0.8), "2", folder, NOW)

    assert read_completeness(folder) == 0.8
    assert read_completeness(f"{folder}/1") == 0.9
    assert read_completeness(f"{folder}/2") == 0.8


def test_a_run_is_promoted_without_the_page_that_a_prune_deleted(tmp_path):
    january = tmp_path / "january"
    folder = str(tmp_path / "baselines")
    run = publish({"constraints.json": constraints(0.9), "report.html": b"<p>"}, str(january))
    (january / "_runs" / run.run_id / "report.html").unlink()
    (january / "report.html").unlink()
    promote(str(january), "1", folder, NOW)

    assert read_completeness(folder) == 0.9
    assert "report.html" not in read_current_run(f"{folder}/1").digests


@pytest.mark.parametrize("version", ["../january", "", ".", "1/2", "_runs"])
def test_a_promotion_of_no_version_is_a_sentence(runs, tmp_path, version):
    folder = tmp_path / "baselines"
    promote(runs("january", 0.9), "1", str(folder), NOW)
    promoted = json.loads((folder / "_promotions.json").read_text())
    promoted["promotions"][0]["model_version"] = version
    (folder / "_promotions.json").write_text(json.dumps(promoted))

    with pytest.raises(
        BadDocument, match=r"_promotions\.json: a model_version is no name of a version; restore the file"
    ):
        promote(runs("february", 0.8), "2", str(folder), NOW)


def test_promoting_begins_anew_where_somebody_deleted_a_damaged_history(runs, tmp_path):
    folder = tmp_path / "baselines"
    promote(runs("january", 0.9), "1", str(folder), NOW)
    (folder / "_promotions.json").unlink()
    promote(runs("february", 0.8), "2", str(folder), NOW)

    assert read_completeness(str(folder)) == 0.8


def test_a_version_whose_commit_is_damaged_is_promoted_again(runs, tmp_path):
    folder = tmp_path / "baselines"
    promote(runs("january", 0.9), "1", str(folder), NOW)
    (folder / "1" / "_current.json").write_text("[]")
    promote(runs("february", 0.8), "1", str(folder), NOW)

    assert read_completeness(str(folder)) == 0.8


def test_a_run_says_which_version_it_was_held_against(runs, tmp_path):
    folder = str(tmp_path / "baselines")
    promote(runs("january", 0.9), "1", folder, NOW)

    assert baselines.create_reference_to_run(folder).folder.startswith(f"file:{folder}/1/_runs/")


def test_of_two_that_promote_or_roll_back_at_once_each_keeps_what_the_other_did(runs, tmp_path):
    folder = tmp_path / "baselines"
    january = runs("january", 0.9)
    february = runs("february", 0.8)
    with waiting_while_held(folder, lambda: promote(february, "2", str(folder), NOW)):
        assert [path.name for path in folder.iterdir() if not path.name.startswith("_lease-")] == []
    promote(january, "1", str(folder), NOW)
    with waiting_while_held(folder, lambda: roll_back(str(folder), NOW)):
        assert read_completeness(str(folder)) == 0.9

    assert read_completeness(str(folder)) == 0.8


def test_a_rollback_goes_back_one_version_at_a_time(runs, tmp_path):
    folder = str(tmp_path / "baselines")
    for version, threshold in (("1", 0.9), ("2", 0.8), ("3", 0.7)):
        promote(runs(version, threshold), version, folder, NOW)

    assert roll_back(folder, NOW).model_version == "2"
    assert read_completeness(folder) == 0.8
    assert roll_back(folder, NOW).model_version == "1"
    assert read_completeness(folder) == 0.9
    with pytest.raises(BadConfiguration, match="there is no version before the one that counts, which is 1"):
        roll_back(folder, NOW)


def test_a_rollback_of_a_misspelt_folder_makes_none(tmp_path):
    with pytest.raises(
        BadConfiguration, match="no version was promoted here; name the folder given to promote by --to"
    ):
        roll_back(str(tmp_path / "baselinse"), NOW)

    assert not (tmp_path / "baselinse").exists()


def test_after_a_rollback_the_next_promotion_counts_and_is_rolled_back_over_what_was_taken_back(runs, tmp_path):
    folder = str(tmp_path / "baselines")
    promote(runs("1", 0.9), "1", folder, NOW)
    promote(runs("2", 0.8), "2", folder, NOW)
    roll_back(folder, NOW)
    promote(runs("3", 0.7), "3", folder, NOW)

    assert read_completeness(folder) == 0.7
    assert roll_back(folder, NOW).model_version == "1"


def test_tuned_thresholds_are_promoted_as_they_are_and_stay_so(runs, tmp_path):
    run = runs("january", 0.9)
    folder = str(tmp_path / "baselines")
    (tmp_path / "january" / "constraints.json").write_bytes(constraints(0.5))
    promote(run, "1", folder, NOW)
    (tmp_path / "january" / "constraints.json").write_bytes(constraints(0.1))

    assert read_completeness(folder) == 0.5


def test_a_version_is_not_written_over_by_accident(runs, tmp_path):
    folder = str(tmp_path / "baselines")
    promote(runs("january", 0.9), "1", folder, NOW)
    promote(runs("january", 0.9), "1", folder, NOW)  # the same once more
    with pytest.raises(BadConfiguration, match="has run [0-9a-f]{16} already, which is another baseline"):
        promote(runs("february", 0.8), "1", folder, NOW)
    assert read_completeness(folder) == 0.9

    promote(runs("february", 0.8), "1", folder, NOW, replace=True)
    assert read_completeness(folder) == 0.8
    with pytest.raises(BadInput, match="version 1 is no longer run"):
        roll_back(folder, NOW)


def test_documents_of_the_service_can_be_promoted(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "constraints.json").write_bytes(constraints(0.9))
    promote(str(tmp_path / "old"), "1", str(tmp_path / "baselines"), NOW)

    assert read_completeness(str(tmp_path / "baselines")) == 0.9


@pytest.mark.parametrize("version", ["", "a/b", "..", "_1", ".1", "1 2"])
def test_a_version_that_is_no_name_of_a_folder_is_refused(runs, tmp_path, version):
    with pytest.raises(BadConfiguration, match="--model-version is "):
        promote(runs("january", 0.9), version, str(tmp_path / "baselines"), NOW)


def test_what_is_no_baseline_is_refused(tmp_path, runs):
    with pytest.raises(BadInput, match="there is neither a run of ours nor a constraints.json"):
        promote(str(tmp_path), "1", str(tmp_path / "baselines"), NOW)
    with pytest.raises(BadConfiguration, match="is the output path of a run; name a folder for the versions"):
        promote(runs("january", 0.9), "1", runs("february", 0.8), NOW)


def test_the_commands_say_which_version_counts(runs, tmp_path, capsys):
    folder = str(tmp_path / "baselines")
    for version, threshold in (("1", 0.9), ("2", 0.8)):
        assert cli.main(["promote", runs(version, threshold), "--model-version", version, "--to", folder]) == 0
    assert cli.main(["rollback", folder]) == 0

    first, _, last = capsys.readouterr().out.splitlines()
    run_id = read_current_run(f"{folder}/1").run_id
    assert (first, last) == (
        f"{folder}: version 1 counts, run {run_id}",
        f"{folder}: version 1 counts again, run {run_id}",
    )
    assert Constraints.from_json((tmp_path / "baselines" / "1" / "constraints.json").read_text())
