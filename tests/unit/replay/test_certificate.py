"""The certificate's lines, table and JSON for windows made by hand."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.running.replay.certificate import Certificate, ReplayedWindow, ReportedViolation, Verdict

START = datetime(2024, 3, 4, tzinfo=timezone.utc)
TYPES = {"flag": InferredType.INTEGRAL, "charge": InferredType.FRACTIONAL, "plan": InferredType.STRING}
NONE = Verdict()


def drift(feature, distance="0.3"):
    return ReportedViolation(
        feature, "baseline_drift_check", f"Baseline drift distance: {distance} exceeds threshold: 0.1"
    )


def make_verdict(*violations):
    return Verdict(frozenset(violations))


def window(hour, **columns):
    start = START + timedelta(hours=hour)
    return ReplayedWindow(Window(start, start + timedelta(hours=1)), **columns)


def test_the_line_counts_equal_windows_and_says_what_the_others_differ_in():
    equal = [window(hour, service=NONE, default=NONE, report=NONE) for hour in range(711)]
    differing = [
        window(hour, service=NONE, default=NONE, report=make_verdict(drift("flag"))) for hour in range(711, 720)
    ]
    certificate = Certificate([*equal, *differing], True, TYPES)

    # the sentence of issue 6
    assert certificate.summary().splitlines()[0] == "711 of 720 windows equal; 9 differ: drift on discrete columns"
    assert not certificate.is_equal


def test_differences_of_several_kinds_are_named_by_how_many_windows_have_them():
    plan = ReportedViolation(
        "plan", "categorical_values_check", "Value: 0.5 does not meet the constraint requirement! "
    )
    windows = [
        window(0, service=NONE, default=NONE, report=make_verdict(plan, drift("charge"))),
        window(1, service=make_verdict(drift("charge", "0.2")), default=NONE, report=make_verdict(drift("charge"))),
        window(2, service=NONE, default=NONE, report=NONE),
    ]

    line = Certificate(windows, True, TYPES).summary().splitlines()[0]

    assert line == "1 of 3 windows equal; 2 differ: drift on continuous columns, categories"


def test_our_default_has_a_line_of_its_own_that_decides_nothing():
    certificate = Certificate([window(0, service=NONE, default=make_verdict(drift("flag")), report=NONE)], True, TYPES)

    assert certificate.is_equal
    assert certificate.summary() == (
        "1 of 1 window equal\nour default compared with the reports: 0 of 1 window equal; 1 differs: drift on discrete columns"
    )


def test_windows_without_a_report_and_reports_without_a_window_are_listed_and_not_judged():
    windows = [window(0, service=NONE, default=NONE, report=NONE), window(1, service=NONE, default=NONE)]
    certificate = Certificate(windows, True, TYPES, unmatched=("reports/2024/03/09/00",))

    assert certificate.is_equal
    assert certificate.summary().splitlines()[2:] == ["1 window without a report", "1 report without a window"]
    assert "no captures for the report in reports/2024/03/09/00\n" in certificate.to_text()
    assert json.loads(certificate.to_json())["windows"][1]["equal"] is None


def test_nothing_compared_is_no_certificate():
    assert not Certificate([window(0, service=NONE, default=NONE)], True, TYPES).is_equal


def test_a_window_that_failed_differs_from_a_report():
    failed = Verdict(failure="5 of 10 records were refused")
    certificate = Certificate([window(0, service=failed, default=failed, report=NONE)], True, TYPES)

    assert not certificate.is_equal
    assert "1 differs: a side without a verdict" in certificate.summary()
    [replayed] = json.loads(certificate.to_json())["windows"]
    assert replayed["compat_service"] == {"failure": failed.failure}
    assert [difference["kind"] for difference in replayed["differences"]] == ["failed"]


def test_without_reports_the_run_as_the_service_is_held_against_our_default():
    certificate = Certificate([window(0, service=NONE, default=make_verdict(drift("flag")))], False, TYPES)

    assert not certificate.is_equal
    assert certificate.summary().splitlines() == [
        "0 of 1 window equal; 1 differs: drift on discrete columns",
        "no reports were given: --compat service was compared with our default",
    ]


def test_the_table_has_three_columns_of_violations_for_each_window():
    two = make_verdict(drift("flag"), drift("charge"))
    certificate = Certificate([window(20, service=two, default=make_verdict(drift("flag")), report=two)], True, TYPES)

    header, _, row, *_ = certificate.to_text().splitlines()

    assert header.split("  ")[0] == "window"
    assert row.split() == ["2024-03-04T20Z", "2", "2", "1", "equal"]
