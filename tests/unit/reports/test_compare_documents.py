"""Two files of one kind are compared, whichever document of the service they are."""

import json

import pytest

from spark_model_monitor.cli import main as cli
from spark_model_monitor.errors import BadInput
from spark_model_monitor.reports.history_page.compare import compare

CONSTRAINTS = {
    "version": 0.0,
    "features": [
        {
            "name": "a name that is longer than eight",
            "inferred_type": "String",
            "completeness": 1.0,
            "string_constraints": {"domains": ["x", "y"]},
        },
        {"name": "fare", "inferred_type": "Integral", "completeness": 1.0},
    ],
    "monitoring_config": {"distribution_constraints": {"comparison_threshold": 0.1}},
}
OLD_LAYOUT = {"distribution_constraints": {"enable_comparisons": True, "min_domain_mass": 0.9}}


def changed(**members):
    """Constraints in which both features, and the settings, differ."""
    constraints = json.loads(json.dumps(CONSTRAINTS)) | members
    constraints["features"][0]["string_constraints"]["domains"] = ["y", "z"]
    constraints["features"][1]["completeness"] = 0.5
    return constraints


MODEL = {"dataset": {"item_count": 9}, "regression_metrics": {"mae": {"value": 4.0}}}
LIMITS = {"regression_constraints": {"mae": {"threshold": 4.0, "comparison_operator": "GreaterThanThreshold"}}}
BIAS = {
    "pre_training_bias_metrics": {
        "facets": {"Sex": [{"value_or_threshold": "0", "metrics": [{"name": "CI", "value": 0.3}]}]}
    }
}


@pytest.mark.parametrize(
    ("before", "after", "texts"),
    [
        pytest.param(
            CONSTRAINTS,
            changed(),
            ["a name that is longer than eight", "1 added, 1 removed", "completeness 1 → 0.5"],
            id="constraints",
        ),
        pytest.param(
            CONSTRAINTS, changed(monitoring_config=OLD_LAYOUT), ["domain_content_threshold 1 → 0.9"], id="of 2019"
        ),
        pytest.param(MODEL, {**MODEL, "regression_metrics": {"mae": {"value": 5.0}}}, ["value 4 → 5"], id="quality"),
        pytest.param(LIMITS, json.loads(json.dumps(LIMITS).replace("4.0", "6.0")), ["threshold 4 → 6"], id="limits"),
        pytest.param(BIAS, json.loads(json.dumps(BIAS).replace("0.3", "0.4")), ["value 0.3 → 0.4"], id="bias"),
    ],
)
def test_two_documents_of_one_kind_are_compared_whatever_they_are(tmp_path, capsys, before, after, texts):
    paths = [str(tmp_path / name) for name in ("before.json", "after.json")]
    for path, document in zip(paths, (before, after), strict=True):
        with open(path, "w") as file:
            json.dump(document, file)

    assert cli(["compare", *paths]) == 0

    printed = capsys.readouterr().out
    assert all(words in printed for words in texts)
    assert cli(["compare", paths[0], paths[0]]) == 0
    assert "0 of" in capsys.readouterr().out


def test_constraints_are_not_compared_with_metrics(tmp_path):
    paths = [str(tmp_path / name) for name in ("constraints.json", "statistics.json")]
    for path, document in zip(paths, (LIMITS, MODEL), strict=True):
        with open(path, "w") as file:
            json.dump(document, file)

    with pytest.raises(BadInput, match="is a constraints.json; name two files or two runs of one kind"):
        compare(*paths)


def test_limits_without_their_statistics_say_what_they_lack(golden, capsys):
    folder = golden / "dq-cookbook"

    cli(["compare", f"{folder}/baseline/constraints.json", f"{folder}/run/statistics.json", "--judge"])

    assert "is missing, so no distribution is compared" in capsys.readouterr().out


@pytest.mark.parametrize(("mean", "kind"), [("0.30000000000000004", "same"), ("0.300001", "changed")])
def test_the_last_digits_of_a_sum_are_no_change(mean, kind, tmp_path):
    paths = [tmp_path / "before.json", tmp_path / "after.json"]
    for path, value in zip(paths, ("0.3", mean), strict=True):
        path.write_text(json.dumps(BIAS).replace("0.3", value))

    assert [change.kind for change in compare(*map(str, paths)).changes] == [kind]
