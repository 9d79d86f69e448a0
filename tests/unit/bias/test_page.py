"""The bias report's page: metrics beside the baseline's, verdicts, sample sizes."""

from __future__ import annotations

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.documents.page import Highlight, PageTable, PointChart
from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures
from spark_model_monitor.monitors.bias.metric_comparison import Tolerances
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.monitors.protocol import Sample

from .test_checks import BASELINE, WORSE


def page(**tolerances):
    monitor = BiasMonitor(tolerances=Tolerances(**{"with_intervals": False, "neutral_di": False, **tolerances}))
    report = monitor.documents(BASELINE, monitor.metrics(BASELINE))[0]
    analysis = monitor.metrics(WORSE)
    judgement = monitor.judge(Sample(WORSE, analysis), monitor.stored_baseline(report, None, None))
    return judgement.page(judgement.results)


def section(page, heading, number=0):
    return [section for section in page.sections if section.heading == heading][number]


def test_the_page_says_first_what_was_looked_at():
    assert dict(page().facts)["facets"] == "sex"
    assert len(page().sections[0].blocks[0].cards) > 0


def test_every_violation_is_listed_before_anything_else():
    assert page().sections[0].heading == "Changed"
    monitor = BiasMonitor()
    judgement = monitor.judge(Sample(BASELINE, monitor.metrics(BASELINE)), None)
    assert judgement.page(()).sections[0].heading == "Groups"


def test_sizes_of_the_groups_are_reported():
    rates, table = section(page(), "Groups").blocks

    # 60 of 100 labels of F are positive, and 300 of 500 others
    assert [(point.name, point.value) for point in rates.points[:2]] == [
        ("labels, sex F", 0.6),
        ("labels, the rest", 0.6),
    ]
    assert table.lines[0].cells == ("sex", "F", "100", "16.7 %", "60 %", "60 %")


def test_a_metric_stands_beside_the_baseline_with_its_verdict():
    [table] = [block for block in section(page(), "Facet: sex", 1).blocks if isinstance(block, PageTable)]
    line = next(line for line in table.lines if line.cells[0] == "DPPL")

    assert line.cells[2:5] == ("0.35", "0", "✗ violated")
    assert line.mark is Highlight.BAD


def test_the_chart_has_the_same_values():
    [chart] = [block for block in section(page(), "Facet: sex", 1).blocks if isinstance(block, PointChart)]
    point = next(point for point in chart.points if point.name == "DPPL")

    assert (point.value, point.reference, point.mark) == (0.35, 0.0, Highlight.BAD)


def test_intervals_are_reported_where_they_were_asked_for():
    [table] = [
        block for block in section(page(with_intervals=True), "Facet: sex", 1).blocks if isinstance(block, PageTable)
    ]

    assert "95 % interval" in [column.title for column in table.columns]
    verdict = [column.title for column in table.columns].index("verdict")
    assert {line.cells[verdict] for line in table.lines} >= {"✗ violated", "✓ passed", "? may have changed"}


def test_the_models_performance_and_its_errors_are_reported():
    metrics, confusion = section(page(), "Model performance").blocks

    # 210 true positives, 55 false ones, 150 false negatives, 185 true ones
    assert metrics.lines[0].cells[2] == "0.6583"
    assert [line.cells[1:] for line in confusion.lines] == [("210", "150"), ("55", "185")]


def test_name_and_title_are_the_configurations():
    config = AnalysisConfig.from_json(
        '{"methods": {"report": {"name": "fairness", "title": "Loans"}, "pre_training_bias": {"methods": "all"}}}'
    )
    sample = Sample(BASELINE, BiasMonitor().metrics(BASELINE))
    page = BiasMonitor(BiasMeasures(config, "y")).judge(sample, None).page(())

    assert (page.name, page.title) == ("fairness", "Loans")
