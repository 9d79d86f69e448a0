"""docs/grafana: the dashboard and the alerting rules ask for what the sink prometheus writes, and for nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from jobs.baseline import main as baseline
from jobs.monitor import main as monitor
from prometheus_client.parser import text_string_to_metric_families

FOLDER = Path(__file__).resolve().parents[4] / "docs" / "grafana"
BOARD = json.loads((FOLDER / "spark-model-monitor.json").read_text())
RULES = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
EXPRESSIONS = [
    *(target["expr"] for panel in BOARD["panels"] for target in panel["targets"]),
    *(rule["expr"] for group in RULES["groups"] for rule in group["rules"]),
]
MATCHER = re.compile(r'(\w+)(=~|!=|=)"([^"]*)"')
OURS = re.compile(r"\bmodel_monitor_\w+")
LABEL_OF = re.compile(r"\$labels\.(\w+)")


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """What the sink writes of a window of data quality."""
    folder = tmp_path_factory.mktemp("run")
    data = folder / "data.csv"
    pd.DataFrame({"age": [31, 42, 57, 28] * 50, "plan": ["a", "b", "b", "c"] * 50}).to_csv(data, index=False)
    source = ["--dataset-source", str(data), "--dataset-format", "csv", "--engine", "local"]
    assert baseline([*source, "--output-path", str(folder / "baseline")]) == 0
    flags = ["--baseline", str(folder / "baseline"), "--sink", f"prometheus:{folder / 'a.prom'}"]
    schedule_flags = ["--set", "sagemaker_endpoint_name=shop", "--set", "sagemaker_monitoring_schedule_name=hourly"]
    assert monitor([*source, *flags, *schedule_flags, "--output-path", str(folder / "report")]) == 0
    families = text_string_to_metric_families((folder / "a.prom").read_text())
    return [sample for family in families for sample in family.samples]


def chosen(samples, expression):
    """Those that the first selector of an expression takes; variables of the dashboard take all."""
    selector = expression[OURS.search(expression).start() :]
    name = OURS.match(selector).group()
    matchers = MATCHER.findall(selector)
    takes = {"=": str.__eq__, "!=": str.__ne__, "=~": lambda value, text: bool(re.fullmatch(text, value))}
    return [
        sample
        for sample in samples
        if sample.name == name
        and all(
            takes[how](sample.labels.get(label, ""), re.sub(r"^\$\w+$", ".*", text)) for label, how, text in matchers
        )
    ]


def test_every_metric_and_label_is_one_that_the_sink_writes(samples):
    names = {sample.name for sample in samples}
    labels = {label for sample in samples for label in sample.labels}
    queried_names = {name for expression in EXPRESSIONS for name in OURS.findall(expression)}
    assert queried_names == names
    assert {label for expression in EXPRESSIONS for label, _, _ in MATCHER.findall(expression)} <= labels
    shown = json.dumps([panel["targets"] for panel in BOARD["panels"]])
    assert set(re.findall(r"{{(\w+)}}", shown)) | set(LABEL_OF.findall(str(RULES))) <= labels


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_finds_numbers_of_its_kind_of_monitoring(expression, samples):
    of_models = 'analysis_type="MODEL_QUALITY"'
    assert bool(chosen(samples, expression)) is (of_models not in expression)
    assert chosen(samples, expression.replace(f"{of_models}, ", ""))


def test_every_variable_of_the_dashboard_is_asked_for_and_has_its_label(samples):
    variables = {each["name"]: each for each in BOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(BOARD["panels"])))
    assert used == variables.keys()
    for variable in variables.values():
        if variable["type"] == "query":
            name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]).groups()
            assert any(sample.name == name and sample.labels[label] for sample in samples)


def test_panels_lie_beside_each_other_and_say_what_they_show():
    cells = [
        (x, y)
        for panel in BOARD["panels"]
        for grid in [panel["gridPos"]]
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["title"] for panel in BOARD["panels"]}) == len({panel["id"] for panel in BOARD["panels"]})
    assert BOARD["schemaVersion"] >= 39


def render_text(template, labels, value):
    """A template of an alert's text, as Prometheus fills it in: only what ours use of Go's templates."""
    text = re.sub(r"-}}\s+", "}}", template)
    text = re.sub(
        r"{{ with \$labels\.(\w+) }}(.*?){{ \. }}(.*?){{ end }}",
        lambda match: f"{match[2]}{labels[match[1]]}{match[3]}" if labels.get(match[1]) else "",
        text,
    )
    text = text.replace("{{ $value | humanizeDuration }}", value)
    kind = labels["analysis_type"].replace("_", " ").lower()
    text = text.replace('{{ $labels.analysis_type | reReplaceAll "_" " " | toLower }}', kind)
    return re.sub(r"{{ \$labels\.(\w+) }}", lambda match: labels[match[1]], text)


@pytest.mark.parametrize(
    ("schedule", "sentences"),
    [
        (
            "hourly",
            [
                "The data quality of shop, monitored by hourly, has changed and is in alert",
                "The data quality of shop, monitored by hourly, has not been checked for 3h",
            ],
        ),
        (
            "",
            [
                "The data quality of shop has changed and is in alert",
                "The data quality of shop has not been checked for 3h",
            ],
        ),
    ],
)
def test_an_alert_reads_as_a_sentence_with_and_without_a_schedule(schedule, sentences):
    labels = {"analysis_type": "DATA_QUALITY", "endpoint": "shop", "monitoring_schedule": schedule}
    templates = [rule["annotations"]["summary"] for group in RULES["groups"] for rule in group["rules"]]

    assert [render_text(template, labels, "3h") for template in templates] == sentences
