"""From the command line: what an accepted change silences on the next day, and what the page of that day says."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from tests.rotation import every_combination

from spark_model_monitor import cli
from spark_model_monitor.errors import BadConfiguration

FIRST_DAY = "2026/04/01/00"
ACCEPTED_DAY = "2026/04/03/00"
NEXT_DAY = "2026/04/04/00"


def run_command(*arguments):
    """The exit status; jobs end the process with theirs."""
    try:
        return cli.main([*map(str, arguments)])
    except SystemExit as ended:
        return ended.code


def write_orders(path, seed, factor=1.0, rows=1_000, mixed=1.0):
    """Amounts times a factor, in a share of the rows."""
    random = np.random.default_rng(seed)
    amounts = random.lognormal(3, 0.6, rows)
    amounts[: int(mixed * rows)] *= factor
    pd.DataFrame({"amount": amounts.round(2), "items": random.integers(1, 6, rows)}).to_csv(path, index=False)


@pytest.fixture(scope="module")
def healthy_days(tmp_path_factory):
    """A baseline, and two days that are as it is."""
    folder = tmp_path_factory.mktemp("orders")
    write_orders(folder / "march.csv", 1, rows=30_000)
    assert run_command("baseline", folder / "march.csv", "--output-path", folder / "baseline") == 0
    for number, day in enumerate((FIRST_DAY, "2026/04/02/00")):
        monitor(folder, day, seed=10 + number)
    return folder


@pytest.fixture
def folder(healthy_days, tmp_path):
    return shutil.copytree(healthy_days, tmp_path / "orders")


def monitor(folder, day, **orders):
    """The checks of a day, by feature and check."""
    write_orders(folder / "day.csv", **orders)
    output_path = folder / "days" / day
    inputs = (folder / "day.csv", "--baseline", folder / "baseline")
    assert run_command("monitor", *inputs, "--output-path", output_path) == 0
    return read_statuses(output_path)


def read_statuses(output_path):
    from spark_model_monitor.documents.check_results import CheckResults

    path = output_path / "checks.json"
    return {
        (check_result.feature, check_result.check): check_result
        for check_result in CheckResults.from_json(path.read_text(), "").checks
    }


def accept(folder, *features):
    path = folder / "days" / ACCEPTED_DAY
    assert run_command("accept", path, *features, "--by", "anna", "--why", "prices rose") == 0


def violated(statuses):
    return {feature for (feature, _), check_result in statuses.items() if check_result.status.value == "violated"}


DRIFT = ("amount", "baseline_drift_check")


@pytest.mark.parametrize(("accepted", "opposite"), [(1.2, 0.78), (0.8, 1.25)])
def test_the_opposite_change_is_an_alarm(folder, accepted, opposite):
    assert violated(monitor(folder, ACCEPTED_DAY, seed=20, factor=accepted)) == {"amount"}
    accept(folder, "amount")

    assert violated(monitor(folder, NEXT_DAY, seed=21, factor=opposite)) == {"amount"}


@every_combination(factor=[1.2, 100, 1000, 0.01], seed=[21, 22])
def test_the_same_change_is_not_judged_whichever_test_decides(folder, factor, seed):
    monitor(folder, ACCEPTED_DAY, seed=20, factor=factor)
    accept(folder)
    for day in (NEXT_DAY, "2026/04/05/00"):
        statuses = monitor(folder, day, seed=seed + len(day), factor=factor)

        assert violated(statuses) == set()
        assert statuses[DRIFT].status.value == "not judged"
        assert re.fullmatch(r"accepted at \S+ by anna: prices rose", statuses[DRIFT].reason)


def test_the_opposite_change_is_an_alarm_after_days_of_the_accepted_one(folder):
    monitor(folder, ACCEPTED_DAY, seed=20, factor=1.2)
    accept(folder)
    for number in range(4, 8):
        assert violated(monitor(folder, f"2026/04/{number:02}/00", seed=20 + number, factor=1.2)) == set()

    assert violated(monitor(folder, "2026/04/08/00", seed=40, factor=0.78)) == {"amount"}


def test_a_few_values_in_another_unit_are_another_change_than_higher_prices(folder):
    monitor(folder, ACCEPTED_DAY, seed=20, factor=1.2)
    accept(folder)

    assert violated(monitor(folder, NEXT_DAY, seed=21, factor=100, mixed=0.1)) == {"amount"}


def test_a_larger_change_is_an_alarm(folder):
    monitor(folder, ACCEPTED_DAY, seed=20, factor=1.2)
    accept(folder)

    assert violated(monitor(folder, NEXT_DAY, seed=21, factor=1.6)) == {"amount"}


def test_the_page_of_an_accepted_change_does_not_say_that_nothing_changed(folder):
    monitor(folder, ACCEPTED_DAY, seed=20, factor=1.2)
    accept(folder)
    monitor(folder, NEXT_DAY, seed=21, factor=1.2)

    page = (folder / "days" / NEXT_DAY / "report.html").read_text()
    text = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", page))
    assert "No other change seen in 1 feature. amount changed, accepted at" in text
    assert "Changed, as accepted" in text
    for contradiction in ("There is nothing to do", "back in this window", "back since"):
        assert contradiction not in text
    calm = text.partition("No change seen 1 feature")[2]
    assert "items" in calm
    assert "amount" not in calm.partition("How to read this")[0]


def test_a_run_that_stands_alone_has_nowhere_to_keep_a_decision(folder, capsys):
    write_orders(folder / "day.csv", 20, factor=100)
    inputs = (folder / "day.csv", "--baseline", folder / "baseline")
    assert run_command("monitor", *inputs, "--output-path", folder / "april-report") == 0

    assert run_command("accept", folder / "april-report") == BadConfiguration.exit_status
    assert "--output-path reports/2026/04/03/00" in capsys.readouterr().err
    assert not (folder / "april-report" / "_decisions").exists()


def test_the_numbers_of_the_other_checks_are_kept_with_the_decision(folder):
    monitor(folder, ACCEPTED_DAY, seed=20, factor=100)
    accept(folder)

    [file] = (folder / "days" / "_decisions").iterdir()
    decision = json.loads(file.read_text())
    assert {check_result["feature"] for check_result in decision["unviolated"]} == {"amount"}
    assert "range_check" in {check_result["check"] for check_result in decision["unviolated"]}
