"""Pages of every kind: no sentence is denied by the page's own tables, and no word is in the wrong number."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from tests.unit.model_quality.outcomes_made import measure_counts
from tests.unit.reports.contradictions import find_contradictions

from spark_model_monitor import (
    AnalysisConfig,
    BiasMeasures,
    BiasMonitor,
    DataQualityMonitor,
    report,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.documents.check_results import EXPECTATION, CheckResult, CheckStatus
from spark_model_monitor.documents.headline import write_headline
from spark_model_monitor.documents.page import (
    Card,
    Cards,
    Headline,
    Highlight,
    Page,
    PageSection,
    PageTable,
    TableColumn,
    TableLine,
)
from spark_model_monitor.documents.run_description import RunContext
from spark_model_monitor.monitors.model_quality.measurement import BARE, suggest
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.quality_checks import check_all
from spark_model_monitor.monitors.model_quality.quality_page import create_page as create_quality_page
from spark_model_monitor.reports.history_page.compare import compare
from spark_model_monitor.reports.history_page.compare import create_comparison_page as page_of_comparison
from spark_model_monitor.reports.history_page.fleet_page import (
    FleetMonitor,
    MonitorState,
    WindowOutcome,
    create_fleet_page,
)

ROWS = 3_000
START = datetime(2024, 3, 4, tzinfo=timezone.utc)


def draw(seed, rows=ROWS, columns=4):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({f"number_{index}": random.normal(10, 2, rows) for index in range(columns)})
    return frame.assign(kind=random.choice(["a", "b", "c"], rows))


def leave_alone(frame):
    return frame


def scale_one(frame):
    return frame.assign(number_0=frame["number_0"] * 100)


def move_most(frame):
    return frame.assign(**{name: frame[name] + 20 for name in frame.columns if name != "kind" and name != "number_3"})


def move_all(frame):
    return frame.assign(**{name: frame[name] + 20 for name in frame.columns if name != "kind"}, kind="z")


def add_category(frame):
    return frame.assign(kind=frame["kind"].where(frame.index % 10 != 0, "new"))


def repeat_rows(frame):
    return pd.concat([frame.iloc[: (len(frame) + 1) // 2]] * 2, ignore_index=True)


def rename_column(frame):
    return frame.rename(columns={"number_0": "other"})


FAULTS = (leave_alone, scale_one, move_most, move_all, add_category, repeat_rows, rename_column)


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(draw(1, 8_000), DataQualityMonitor(), engine="local")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("rows", [1, 60, ROWS])
def test_a_page_of_data_quality_denies_nothing(baseline, fault, rows):
    findings = run_monitoring(fault(draw(2, rows)), DataQualityMonitor(), baseline, engine="local")

    assert find_contradictions(findings.report().page) == []


@pytest.mark.parametrize("rows", [1, 1_000])
def test_a_page_of_a_baseline_denies_nothing(rows):
    assert find_contradictions(run_baseline(draw(1, rows, 1), DataQualityMonitor(), engine="local").report().page) == []


def test_a_rule_that_holds_is_no_feature():
    columns = [
        CheckResult(feature=name, check="completeness_check", status=CheckStatus.PASSED, threshold=1) for name in "ab"
    ]
    rules = [
        CheckResult(feature=f"rule {number}", check=EXPECTATION, status=CheckStatus.PASSED, threshold=None)
        for number in range(3)
    ]

    text = write_headline([*columns, *rules]).text
    assert text == "No change seen in 2 features; 3 rules hold; not compared: relations, segments."
    assert write_headline([columns[0], rules[0]]).text == "No change seen in 1 feature; 1 rule holds."
    alone = write_headline(rules)
    assert (alone.text, alone.mark) == ("3 rules hold; nothing else was compared.", Highlight.NONE)


def test_limits_without_a_baseline_s_statistics_were_checked():
    limit = CheckResult(feature="age", check="completeness_check", status=CheckStatus.PASSED, observed=1.0)
    drift = CheckResult(
        feature="age", check="baseline_drift_check", status=CheckStatus.NOT_JUDGED, reason="no statistics"
    )

    assert write_headline([limit, drift]).text == "No limit is broken; nothing else was compared."


def test_another_number_of_columns_leads_to_the_columns():
    violation = CheckResult(
        feature="Extra columns", check="extra_column_check", status=CheckStatus.VIOLATED, observed=11.0, threshold=3.0
    )

    assert write_headline([violation]).next_step == "check whether all rows and columns arrived, and each once"


@pytest.mark.parametrize("now", [(80, 10, 90, 20), (60, 10, 90, 40), (78, 11, 89, 22), (79, 10, 90, 21)])
def test_a_page_of_model_quality_denies_nothing(now):
    baseline = ModelBaseline(suggest(measure_counts(80, 10, 90, 20), BARE))
    check_results = check_all(measure_counts(*now), baseline)
    page = replace(create_quality_page(measure_counts(*now), check_results), headline=write_headline(check_results))

    assert find_contradictions(page) == []


def test_a_metric_beyond_its_threshold_by_chance_stands_in_the_sentence():
    check_results = [
        CheckResult(
            metric=name, check="LessThanThreshold", status=CheckStatus.PASSED, observed=value, threshold=0.5, p=p
        )
        for name, value, p in (("recall", 0.48, 0.3), ("precision", 0.47, 0.2), ("accuracy", 0.6, 0.9))
    ]
    headline = write_headline(check_results)

    assert headline.text == "3 metrics checked: none is beyond its threshold by more than chance."
    assert headline.detail.startswith("recall, precision are beyond, by no more than chance explains.")


PEOPLE = AnalysisConfig.from_json(
    json.dumps(
        {
            "label": "hired",
            "label_values_or_threshold": [1],
            "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
            "methods": {"pre_training_bias": {"methods": "all"}},
        }
    )
)


def draw_people(seed, rate_of_group):
    random = np.random.default_rng(seed)
    sex = random.choice(["f", "m"], 4_000)
    rates = np.where(sex == "f", rate_of_group, 0.49)
    return pd.DataFrame({"sex": sex, "hired": (random.random(4_000) < rates).astype(int)})


def judge_people(now):
    monitor = BiasMonitor(BiasMeasures.of(PEOPLE))
    baseline = run_baseline(draw_people(1, 0.47), monitor, engine="local")
    return run_monitoring(now, monitor, baseline, engine="local")


@pytest.mark.parametrize("rate", [0.47, 0.21])
def test_a_page_of_bias_denies_nothing(rate):
    assert find_contradictions(judge_people(draw_people(2, rate)).report().page) == []


def test_bias_is_said_in_rates_and_not_by_a_norm():
    now = draw_people(2, 0.21)
    headline = judge_people(now).headline()
    text = f"{headline} {headline.detail}"
    rates = now.groupby("sex")["hired"].mean()

    assert "DPL of sex=f is " in text
    assert (
        f"the group is positive in {100 * rates['f']:.3g} % of its rows, the rest in {100 * rates['m']:.3g} %" in text
    )
    assert "LP of" not in text


def test_a_page_of_bias_that_judged_nothing_says_so():
    findings = judge_people(draw_people(2, 0.47).assign(sex="m"))
    page = findings.report().page

    assert not any(check_result.status is CheckStatus.PASSED for check_result in findings.results)
    assert page.headline.text.startswith(("Cannot tell", "Nothing was checked"))
    assert "later data is checked" not in str(page.headline)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """Six hours: `number_0` is wrong in the second and third, `number_1` in the last."""
    top = tmp_path_factory.mktemp("day")
    baseline = run_baseline(draw(1, 8_000), DataQualityMonitor(), engine="local")
    baseline.write(top / "baseline")
    for hour in range(6):
        frame = draw(10 + hour)
        if hour in (1, 2):
            frame = scale_one(frame)
        if hour == 5:
            frame = frame.assign(number_1=frame["number_1"] + 20)
        start = START + timedelta(hours=hour)
        context = RunContext(start, start + timedelta(hours=1))
        folder = top / "hours" / f"{start:%Y/%m/%d/%H}"
        run_monitoring(frame, DataQualityMonitor(), baseline, engine="local", context=context).write(folder)
    return top


def test_a_page_of_history_denies_nothing(day):
    page = report(day / "hours").page

    assert find_contradictions(page) == []
    sections = {section.heading: section for section in page.sections}
    named = {
        heading: [line.cells[0] for block in sections[heading].blocks for line in block.lines]
        for heading in ("Changed before", "No change seen")
    }
    assert named == {"Changed before": ["number_0"], "No change seen": ["number_2", "number_3", "kind"]}


@pytest.mark.parametrize("hour", ["04", "05"])
def test_a_comparison_says_what_the_run_says(day, hour):
    """All samples differ a little; by more than chance only what the run found."""
    compared = compare(str(day / "baseline"), str(day / "hours/2024/03/04" / hour))
    page = page_of_comparison(compared, ())
    names = [change.name for change in compared.significant_changes]

    assert names == (["number_1"] if hour == "05" else [])
    assert f"of 5 features or metrics changed, {len(names)} of them by more than chance" in page.headline.text
    assert find_contradictions(page) == []


@pytest.mark.parametrize("counts", [(0, 0), (1, 0), (2, 1)])
def test_a_page_of_a_fleet_denies_nothing(counts):
    in_alert, failed = counts
    calm = tuple(WindowOutcome(f"2024-03-04T{hour:02}:00:00Z", 0, ()) for hour in range(4))
    bad = (*calm[:2], WindowOutcome("2024-03-04T02:00:00Z", 1, ()), WindowOutcome("2024-03-04T03:00:00Z", 1, ()))
    watched = [
        FleetMonitor(f"bad {index}", MonitorState.IN_ALERT, "DATA_QUALITY", since="2024-03-04T02:00:00Z", windows=bad)
        for index in range(in_alert)
    ]
    watched += [
        FleetMonitor(f"failed {index}", MonitorState.FAILED, "DATA_QUALITY", fault="no such path")
        for index in range(failed)
    ]
    watched += [FleetMonitor(f"calm {index}", MonitorState.OK, "DATA_QUALITY", windows=calm) for index in range(3)]

    assert [
        problem for problem in find_contradictions(create_fleet_page(watched, "shop")) if "marked" not in problem
    ] == []


BAD_PAGES = {
    "a good headline over a card": (
        Headline("No change seen in 1 feature.", "", Highlight.GOOD),
        (Card("x", "moved"),),
        (),
    ),
    "fewer cards than changes": (Headline("2 of 3 features changed: x.", "", Highlight.BAD), (Card("x", "moved"),), ()),
    "another number of calm features": (
        Headline("1 of 3 features changed: x.", "No change seen in the other 2 features.", Highlight.BAD),
        (Card("x", "moved"),),
        ("y",),
    ),
    "a plural of one": (Headline("1 features changed: x.", "", Highlight.BAD), (Card("x", "moved"),), ()),
    "a singular of many": (Headline("3 feature changed: x.", "", Highlight.BAD), (Card("x", "moved"),), ()),
    "nobody can tell of nothing": (Headline("Cannot tell.", "", Highlight.UNSURE), (), ("y",)),
}


@pytest.mark.parametrize("name", BAD_PAGES)
def test_a_contradiction_is_found(name):
    headline, cards, names = BAD_PAGES[name]
    table = PageTable((TableColumn("feature"),), tuple(TableLine((name,)) for name in names))
    sections = (PageSection("Changed", (Cards(cards),)), PageSection("No change seen", (table,)))

    assert find_contradictions(Page("report", "Data quality", (), sections, headline))
