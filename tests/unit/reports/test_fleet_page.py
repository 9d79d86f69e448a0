"""The page of all: the worst first, a line for each model, each cell a way to its page, and no larger than it may be."""

import re

import pytest
from tests.at_hand import defer_to_night

from spark_model_monitor.documents.page import Link
from spark_model_monitor.reports.history_page.fleet_page import (
    MAX_LINES,
    FleetMonitor,
    MonitorState,
    WindowOutcome,
    create_fleet_page,
    group_by_cause,
)
from spark_model_monitor.reports.page.page_files import render_html


def windows(*violations, causes=()):
    return tuple(
        WindowOutcome(f"2024-03-04T{hour:02}:00:00Z", bad, causes if bad else ()) for hour, bad in enumerate(violations)
    )


def read_table_lines(page):
    [table] = next(section.blocks for section in page.sections if section.heading == "All models")
    return [dict(zip([column.title for column in table.columns], line.cells, strict=True)) for line in table.lines]


def test_the_worst_stand_first_and_of_those_the_oldest():
    watched = [
        FleetMonitor("fine", MonitorState.OK, "DATA_QUALITY", windows=windows(0, 0)),
        FleetMonitor(
            "young", MonitorState.IN_ALERT, "DATA_QUALITY", since="2024-03-04T05:00:00Z", windows=windows(0, 1)
        ),
        FleetMonitor("unread", MonitorState.FAILED, "DATA_QUALITY", fault="no such path"),
        FleetMonitor("old", MonitorState.IN_ALERT, "DATA_QUALITY", since="2024-03-04T01:00:00Z", windows=windows(1, 1)),
        FleetMonitor("unsure", MonitorState.UNSURE, "DATA_QUALITY", since="2024-03-04T05:00:00Z"),
        FleetMonitor("new", MonitorState.WAITING, "DATA_QUALITY"),
    ]

    page = create_fleet_page(watched, "shop")
    models = [line["model"] for line in read_table_lines(page)]
    assert models == ["old", "young", "unread", "unsure", "new", "fine"]


def test_monitors_of_a_model_are_cells_of_its_line_that_lead_to_their_pages():
    watched = [
        FleetMonitor(
            "a-data", MonitorState.OK, "DATA_QUALITY", "a", "anna", ("eu",), windows=windows(0), page="r/a/report.html"
        ),
        FleetMonitor(
            "a-bias",
            MonitorState.IN_ALERT,
            "MODEL_BIAS",
            "a",
            "anna",
            ("x",),
            windows=windows(1, causes=("DPL",)),
            page="r/b.html",
        ),
        FleetMonitor("b", MonitorState.OK, "DATA_QUALITY", "b", windows=windows(0)),
    ]
    first, second = read_table_lines(create_fleet_page(watched, "shop"))

    assert first["data quality"] == Link("✓ no alert", "r/a/report.html")
    assert first["bias"] == Link("✗ in alert", "r/b.html")
    assert (first["what"], first["owner"], first["tags"]) == ("DPL changed", "anna", "x, eu")
    assert (second["data quality"], second["bias"]) == ("✓ no alert", "–")


@pytest.mark.parametrize(
    ("states", "headline"),
    [
        pytest.param(["OK", "OK"], "No alert in 2 models.", id="fine"),
        pytest.param(["OK", "FAILED"], "No alert, but 1 of 2 models could not be checked.", id="one not checked"),
        pytest.param(["IN_ALERT", "OK"], "1 of 2 models is in alert, since 2024-03-04 18:00.", id="one"),
        pytest.param(["IN_ALERT", "IN_ALERT"], "2 of 2 models are in alert, since 2024-03-04 18:00.", id="both"),
    ],
)
def test_the_headline_counts_models(states, headline):
    since = "2024-03-04T18:00:00Z"
    watched = [
        FleetMonitor(
            f"m{number}",
            MonitorState[state],
            since=since if state == "IN_ALERT" else "",
            windows=windows(1, causes=("a",)),
        )
        for number, state in enumerate(states)
    ]

    assert create_fleet_page(watched, "shop").headline.text == headline


def test_the_headline_says_which_began_first():
    alert = {"state": MonitorState.IN_ALERT, "windows": windows(1, causes=("a",))}
    watched = [
        FleetMonitor("a", since="2024-03-04T19:00:00Z", **alert),
        FleetMonitor("b", since="2024-03-04T18:00:00Z", **alert),
    ]

    assert (
        create_fleet_page(watched, "shop").headline.text
        == "2 of 2 models are in alert, the first since 2024-03-04 18:00."
    )


def test_what_most_have_in_common_is_one_cause():
    """Three share a column, and two of them another; the fourth reads the fifth's source; the sixth stands alone."""
    alert = {"state": MonitorState.IN_ALERT, "since": "2024-03-04T18:00:00Z"}
    watched = [
        FleetMonitor("a", windows=windows(1, causes=("income", "age")), **alert),
        FleetMonitor("b", windows=windows(1, causes=("income", "age")), **alert),
        FleetMonitor("c", windows=windows(1, causes=("plan", "income")), **alert),
        FleetMonitor("d", windows=windows(1, causes=("x",)), source="lake/orders", **alert),
        FleetMonitor("e", windows=windows(1, causes=("y",)), source="lake/orders", **alert),
        FleetMonitor(
            "f", windows=windows(1, causes=("income",)), state=MonitorState.IN_ALERT, since="2024-03-04T19:00:00Z"
        ),
    ]

    assert ["".join(model.name for model in cause.monitors) for cause in group_by_cause(watched)] == ["abc", "de", "f"]


@pytest.mark.parametrize("models", [200, defer_to_night(1_000)])
def test_a_thousand_models_are_below_five_megabytes_and_ask_for_nothing(models):
    causes = tuple(f"a_feature_of_a_usual_name_{number}" for number in range(5))
    watched = [
        FleetMonitor(
            f"model-{number}",
            MonitorState.IN_ALERT if number % 3 == 0 else MonitorState.OK,
            kind,
            f"model-{number}",
            f"owner-{number % 7}",
            ("cards", "eu", f"team-{number % 11}"),
            "2024-03-04T01:00:00Z",
            windows=windows(*range(24), causes=causes),
            page=f"reports/model-{number}/{kind}/2024/03/04/20/report.html",
        )
        for number in range(models)
        for kind in ("DATA_QUALITY", "MODEL_QUALITY", "MODEL_BIAS", "MODEL_EXPLAINABILITY")
    ]
    html = render_html(create_fleet_page(watched, "shop"))

    assert len(html.encode()) <= 5_000 * models
    assert html.count("<tr") == models + 2
    assert not re.search(r'(?:href|src)="(?:/|[a-z]+:)', html)


def test_ten_thousand_entries_are_said_to_be_more_than_are_shown():
    watched = [FleetMonitor(f"m{number:05}", MonitorState.OK, "DATA_QUALITY") for number in range(10_000)]
    page = create_fleet_page(watched, "shop")
    [table] = next(section.blocks for section in page.sections if section.heading == "All models")

    assert len(table.lines) == MAX_LINES
    assert table.caption == "7,000 more models, of which none is worse, are left out."
    assert page.headline.text == "No alert in 10,000 models."


def test_tables_are_called_tables_and_not_models():
    page = create_fleet_page(
        [FleetMonitor(name, MonitorState.OK, "DATA_QUALITY", name) for name in ("sales.orders", "sales.items")],
        "sales.*",
        noun="table",
    )
    words = render_html(page).partition("</style>")[2].partition("<script>")[0]

    assert "2 tables" in str(page.headline)
    assert "All tables" in [section.heading for section in page.sections]
    assert re.search(r"\bmodels?\b", re.sub(r"<[^>]*>", " ", words)) is None


def test_a_long_sentence_is_cut_between_words_and_a_time_never_in_its_middle():
    time = "2024-03-04T20:00:00Z"
    for number in range(30):
        note = f"{'x' * number} " + f"{time} (orders) " * 9
        [table] = next(
            section.blocks
            for section in create_fleet_page(
                [FleetMonitor("orders", MonitorState.OK, "DATA_QUALITY", "orders", note=note)], "all"
            ).sections
            if section.heading == "All models"
        )
        shown = next(cell for cell in table.lines[0].cells if "…" in str(cell))
        assert set(re.findall(r"2024\S*", shown)) == {time}
