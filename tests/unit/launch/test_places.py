"""Files that are not there are found before a job is started, by the standard library alone."""

import pytest
from tests.programs import printed_by

from spark_model_monitor import cli
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.configuration.command_line import require_existing_paths


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.csv").write_text("items\n3\n")
    (tmp_path / "march").mkdir()
    (tmp_path / "march" / "constraints.json").write_text("{}")
    (tmp_path / "rules.json").write_text("{}")
    model = tmp_path / "churn.joblib"
    model.touch()
    (tmp_path / "run").mkdir()
    for name in ("_current.json", "run.json", "statistics.json"):
        (tmp_path / "run" / name).write_text("{}")
    (tmp_path / "empty").mkdir()
    (tmp_path / "marhc").mkdir()
    (tmp_path / "marhc" / "orders.csv").write_text("items\n3\n")


@pytest.mark.parametrize(
    "words",
    [
        ["orders.csv"],
        ["orders.csv", "--baseline", "march"],
        ["--baseline", "march", "orders.csv"],
        ["--baseline=march", "--dataset-source=orders.csv", "--fail-on-violations"],
        ["orders.csv", "--baseline", "previous"],
        ["orders.csv", "--baseline", "s3://bucket/march"],
        ["s3://bucket/orders.csv"],
        ["--dataset-format", "table:orders"],
        ["orders.csv", "--checks", "my_checks:amounts", "--expectations", "rules.json#orders"],
        ["a.b.c", "--dataset-format", "databricks"],
        ["orders.csv", "--model", "my_models.churn:predict"],
        ["--fail-on-violations", "true"],
    ],
)
def test_what_is_there_or_not_of_this_machine_passes(folder, words):
    require_existing_paths(words)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (
            ["oders.csv"],
            "--dataset-source is 'oders.csv', where there is no file or directory; did you mean orders.csv?",
        ),
        (
            ["a.b.c"],
            "--dataset-source is 'a.b.c', where there is no file or directory; for a table in a catalog, write "
            "--dataset-format table:a.b.c",
        ),
        (["--fail-on-violations=true", "x"], "--dataset-source is 'x', where there is no file or directory"),
        (
            ["orders.csv", "--baseline", "mrch"],
            "--baseline is 'mrch', where there is no file or directory; did you mean march?",
        ),
        (
            ["orders.csv", "--baseline", "marhcc"],  # marhc is nearer, and holds data
            "--baseline is 'marhcc', where there is no file or directory; did you mean march?",
        ),
        (
            ["orders.csv", "--baseline", "empty"],
            "--baseline is 'empty', where there is no baseline; write the output path of a baselining job",
        ),
        (
            ["orders.csv", "--baseline", "march/constraints.json"],
            "--baseline is 'march/constraints.json', where there is no baseline; write the folder of that file, march",
        ),
        (
            ["orders.csv", "--expectations", "ruels.json"],
            "--expectations is 'ruels.json', where there is no file or directory; did you mean rules.json?",
        ),
        (
            ["--model", "chrun.joblib"],
            "--model is 'chrun.joblib', where there is no file or directory; did you mean churn.joblib?",
        ),
        (
            ["--error-model", "churn.jobli"],
            "--error-model is 'churn.jobli', where there is no file or directory; did you mean churn.joblib?",
        ),
        (
            ["run"],
            "--dataset-source is 'run', which holds the documents of a run; write the path of the data alone",
        ),
        (
            ["--model", "file:/nowhere/at/all"],
            "--model is 'file:/nowhere/at/all', where there is no file or directory",
        ),
        (["file:/nowhere/at/all"], "--dataset-source is 'file:/nowhere/at/all', where there is no file or directory"),
    ],
)
def test_what_is_missing_is_reported_with_the_nearest_name(folder, words, fault):
    with pytest.raises(BadConfiguration) as caught:
        require_existing_paths(words)
    assert str(caught.value) == fault


def test_a_link_to_what_is_not_there_is_reported_as_such(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "june.csv").symlink_to("gone.csv")
    with pytest.raises(
        BadConfiguration, match=r"'june\.csv', a link to gone\.csv, where there is no file or directory"
    ):
        require_existing_paths(["june.csv"])


@pytest.mark.parametrize("option", ["--master=yarn", "--remote=sc://host"])
def test_paths_of_a_cluster_are_not_looked_up_here(option, folder, capsys):
    cli.main(["merge", "/data/on/hdfs", "--ground-truth-source", "/labels/on/hdfs", option, "--dry-run"])

    assert "where there is no file" not in capsys.readouterr().err


def test_it_is_reported_before_a_library_is_loaded():
    program = """
        import sys
        from spark_model_monitor import cli
        status = cli.main(["monitor", "nowhere.csv", "--baseline", "nowhere"])
        print(status, sorted({"pyarrow", "numpy", "pydantic", "pyspark"} & set(sys.modules)))
    """

    assert printed_by(program) == "2 []\n"
