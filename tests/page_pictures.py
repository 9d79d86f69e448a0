"""Pages of every kind as files, and what of the law of tests/browser an open page breaks."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn import datasets
from tests.history_picture import ROWS, write_day
from tests.unit.bias.test_checks import BASELINE as BIAS_BASELINE
from tests.unit.bias.test_checks import WORSE as BIAS_WORSE
from tests.unit.model_quality.outcomes_made import MULTICLASS, REGRESSION, SCORED, measure_counts, measured
from tests.unit.runs.test_challenge import WITH_SCORES, answers

from spark_model_monitor import DataQualityMonitor, challenge, report, run_baseline, run_monitoring
from spark_model_monitor.documents.alarms import group_into_alarms
from spark_model_monitor.documents.headline import write_headline
from spark_model_monitor.monitors.bias.metric_comparison import Tolerances
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
from spark_model_monitor.monitors.model_quality.measurement import BARE, Measurement, suggest
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.quality_checks import check_all
from spark_model_monitor.monitors.model_quality.quality_page import create_page as page_of_quality
from spark_model_monitor.monitors.protocol import Judgement, Sample, StoredBaseline
from spark_model_monitor.reports.history_page.compare import compare
from spark_model_monitor.reports.history_page.compare import create_comparison_page as page_of_comparison
from spark_model_monitor.reports.history_page.fleet_page import (
    FleetMonitor,
    MonitorState,
    WindowOutcome,
    create_fleet_page,
)
from spark_model_monitor.reports.page.page_files import render_html
from spark_model_monitor.statistics.states.attributions import Attributions, AttributionsBuilder

if TYPE_CHECKING:
    from playwright.sync_api import Page as BrowserPage

LAW = (Path(__file__).parent / "browser" / "law.js").read_text()
SIZES = ((1280, 900), (390, 844), (360, 740))
LONG_NAMES = ("n" * 200, "a b " * 50, "ж" * 200, "estimated_false_negative_rate_of_the_model_of_last_year", "W" * 40)

SETS = ("iris", "wine", "breast_cancer", "diabetes", "linnerud", "wide", "long names", "texts", "huge", "few", "kinds")


def make_frame(name: str) -> pd.DataFrame:
    """A data set by its name."""
    random = np.random.default_rng(3)
    if name == "wide":
        return pd.DataFrame(random.normal(10, 2, (600, 120)), columns=[f"feature_{n}" for n in range(120)])
    if name == "long names":
        return pd.DataFrame(random.normal(10, 2, (600, len(LONG_NAMES))), columns=list(LONG_NAMES))
    if name == "texts":
        countries = ["DE", "FR", "IT", "a very long name of a country that nobody knows", "W" * 30]
        frame = pd.DataFrame({"country": random.choice(countries, 800)})
        frame["note"] = random.choice(["", "x", "y"], 800)
        frame["mail"] = [f"{number}@example.org" for number in range(800)]
        return frame
    if name == "huge":
        columns = {"tiny": 1e-300, "huge": 1e300, "money": 1e15, "negative": -1e9}
        frame = pd.DataFrame({column: random.normal(10, 2, 700) * scale for column, scale in columns.items()})
        return frame.assign(id=random.integers(2**50, 2**60, 700))
    if name == "few":
        return pd.DataFrame({"x": random.normal(10, 2, 30), "y": random.choice(["a", "b"], 30)})
    if name == "kinds":
        offsets = pd.to_timedelta(random.integers(0, 300, 900), unit="D")
        frame = pd.DataFrame({"price": random.lognormal(3, 1, 900)})
        frame["is_new"] = random.random(900) < 0.3
        frame["day"] = pd.Timestamp("2024-01-01") + offsets
        frame["count"] = random.poisson(2, 900)
        frame["constant"] = "always"
        frame["nothing"] = None
        frame["gaps"] = np.where(random.random(900) < 0.4, np.nan, frame["price"])
        frame["code"] = [f"AB-{number:05}" for number in random.integers(0, 99_999, 900)]
        return frame
    frame: pd.DataFrame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    return frame


def make_change(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A data set by its name, and the same later with something wrong in two columns."""
    frame = make_frame(name)
    later = frame.copy()
    column = later.columns[0]
    if later[column].dtype.kind == "f":
        later[column] = later[column] * 100 + 1
        later[later.columns[1]] = later[later.columns[1]].where(later.index % 2 == 0)
    else:
        later[column] = later[column].where(later.index % 3 == 0, "ES")
        later = later.drop(columns=later.columns[1])
    return frame, later


def make_windows(state: MonitorState) -> Iterator[WindowOutcome]:
    """A day of windows; of a model in alert the last six have violations."""
    for hour in range(24):
        is_bad = hour >= 18 and state is MonitorState.IN_ALERT
        causes = ("income", "a_long_name_" * 9) if is_bad else ()
        yield WindowOutcome(f"2024-03-04T{hour:02}:00:00Z", 3 if is_bad else 0, causes)


def make_model(name: str, number: int, state: MonitorState) -> FleetMonitor:
    kind = "MODEL_BIAS" if number % 2 else "DATA_QUALITY"
    owner = f"owner-{number % 3}"
    windows = tuple(make_windows(state))
    page = f"reports/{number}/report.html"
    model = FleetMonitor(name, state, kind, name, owner, ("eu", "cards"), windows=windows, page=page)
    if state is MonitorState.IN_ALERT:
        return replace(model, since="2024-03-04T18:00:00Z")
    if state is MonitorState.FAILED:
        return replace(model, fault="captures/churn: there is no such path; " * 4)
    return model


def make_fleet(models: int, in_alert: int = 0, failed: int = 0, name: str = "m{}") -> list[FleetMonitor]:
    """A fleet of which some models are in alert, and some could not be checked."""
    states = [MonitorState.IN_ALERT] * in_alert
    states += [MonitorState.FAILED] * failed
    states += [MonitorState.OK] * (models - len(states))
    return [make_model(name.format(number), number, state) for number, state in enumerate(states)]


FLEETS = {"healthy": make_fleet(20)}
FLEETS["changed"] = make_fleet(20, in_alert=2)
FLEETS["failed"] = make_fleet(3, failed=2)
FLEETS["one"] = make_fleet(1, in_alert=1)
FLEETS["large"] = make_fleet(1_000, in_alert=40, failed=9)
FLEETS["long names"] = make_fleet(4, in_alert=1, name="{}" + "n" * 120)


def write_data_quality_pages(folder: Path) -> None:
    """Baseline, healthy and changed window of each data set, and baseline and change compared."""
    monitor = DataQualityMonitor()
    for name in SETS:
        frame, later = make_change(name)
        baseline = run_baseline(frame, monitor, engine="local")
        baseline.report().save(folder / f"{name}-baseline.html")
        # The same rows are healthy
        healthy = run_monitoring(frame, monitor, baseline, engine="local")
        assert not healthy.count, name
        healthy.report().save(folder / f"{name}-healthy.html")
        changed = run_monitoring(later, monitor, baseline, engine="local")
        assert changed.count, name
        changed.report().save(folder / f"{name}-changed.html")
        # Both as baselines
        runs = [str(folder / "runs" / name / name_of_run) for name_of_run in "ab"]
        baseline.write(runs[0])
        run_baseline(later, monitor, engine="local").write(runs[1])
        compared = compare(*runs)
        (folder / f"{name}-compare.html").write_text(render_html(page_of_comparison(compared, ())))


def write_run_page(folder: Path) -> None:
    """A run with kept ids of rows, and with its files beside its page; and the same in a notebook whose own font is another."""
    random = np.random.default_rng(8)
    amounts = pd.DataFrame({"amount": random.normal(10, 2, 2_000)})
    amounts["order"] = [f"order-{row:07}" for row in range(2_000)]
    later = amounts.copy()
    later.loc[::7, "amount"] = 900.0
    baseline = run_baseline(amounts, DataQualityMonitor(), engine="local")
    monitor = DataQualityMonitor(keep_examples=9, id_column="order")
    run = folder / "run"
    findings = run_monitoring(later, monitor, baseline, engine="local", output_path=str(run))
    findings.write(run)
    (folder / "run.html").write_text((run / "report.html").read_text())
    for name, shown in (("baseline", baseline), ("run", findings)):
        part = shown._repr_html_()
        html = f'<!doctype html><body style="font-family: Times">{part}</body>'
        (folder / f"notebook-{name}.html").write_text(html)


def write_pages_of_quality(folder: Path, name: str, before: Measurement, after: Measurement) -> None:
    (folder / f"{name}-baseline.html").write_text(render_html(page_of_quality(before, ())))
    baseline = ModelBaseline(suggest(before, BARE))
    for state, window in (("healthy", before), ("changed", after)):
        check_results = check_all(window, baseline)
        headline = write_headline(check_results)
        page = page_of_quality(window, check_results)
        (folder / f"{name}-{state}.html").write_text(render_html(replace(page, headline=headline)))


def write_quality_pages(folder: Path) -> None:
    """Two classes with and without scores, many classes of long names, and numbers."""
    random = np.random.default_rng(6)
    # Two classes
    before = measure_counts(80, 10, 90, 20)
    write_pages_of_quality(folder, "quality", before, measure_counts(60, 10, 90, 40))
    # Two classes with scores, then with scores that say nothing
    labels = random.integers(0, 2, 400)
    noise = random.random(400)
    scores = labels * 0.3 + noise * 0.7
    before = measured(SCORED, labels, scores.round().astype(int), scores)
    after = measured(SCORED, labels, noise.round().astype(int), noise)
    write_pages_of_quality(folder, "quality-scores", before, after)
    # Many classes, then guesses
    names = [f"class_{number}_of_a_long_name" for number in range(14)]
    classes = random.choice(names, 900)
    is_right = random.random(900) < 0.8
    predictions = np.where(is_right, classes, random.choice(names, 900))
    before = measured(MULTICLASS, classes, predictions)
    after = measured(MULTICLASS, classes, random.permutation(predictions))
    write_pages_of_quality(folder, "quality-classes", before, after)
    # Numbers, then with errors thirty times as large
    amounts = random.normal(10, 2, 500) * 1e12
    errors = random.normal(0, 1e11, 500)
    before = measured(REGRESSION, amounts, amounts + errors)
    after = measured(REGRESSION, amounts, amounts + 30 * errors)
    write_pages_of_quality(folder, "quality-numbers", before, after)


def write_judged_page(path: Path, judgement: Judgement[StoredBaseline]) -> None:
    """The page of a monitor's judgement, with its headline."""
    check_results = group_into_alarms(judgement.results, {})
    path.write_text(render_html(replace(judgement.page(check_results), headline=write_headline(check_results))))


def write_bias_pages(folder: Path) -> None:
    monitor = BiasMonitor(tolerances=Tolerances(with_intervals=True, neutral_di=False))
    documents = monitor.documents(BIAS_BASELINE, monitor.metrics(BIAS_BASELINE))
    baseline = monitor.stored_baseline(documents[0], None, None)
    for name, state in (("healthy", BIAS_BASELINE), ("changed", BIAS_WORSE)):
        judgement = monitor.judge(Sample(state, monitor.metrics(state)), baseline)
        write_judged_page(folder / f"bias-{name}.html", judgement)
    first = monitor.judge(Sample(BIAS_BASELINE, monitor.metrics(BIAS_BASELINE)), None)
    (folder / "bias-baseline.html").write_text(render_html(first.page(())))


def make_attributions(scales: Sequence[float], seed: int) -> Attributions:
    """Attributions of rows to features of long names, each feature's with its own spread."""
    values = np.random.default_rng(seed).normal(size=(2_000, 1, len(LONG_NAMES))) * scales
    rows_csv = "a\r\n0\r\n"
    empty = Attributions(LONG_NAMES, ("probability_of_" + "churn_" * 9,), "mean_abs", rows_csv, np.full(1, 0.25))
    builder = AttributionsBuilder(empty)
    builder.update(values, np.arange(2_000, dtype=np.uint64), exact=2_000)
    return builder.state()


def write_attribution_pages(folder: Path) -> None:
    """The same ranking, and one that is turned around."""
    monitor = ExplainabilityMonitor()
    scales = (5.0, 4.0, 3.0, 2.0, 0.1)
    before = make_attributions(scales, seed=0)
    documents = monitor.documents(before, monitor.metrics(before))
    baseline = monitor.stored_baseline(documents[0], None, before)
    for name, spread in (("healthy", scales), ("changed", scales[::-1])):
        state = make_attributions(spread, seed=1)
        judgement = monitor.judge(Sample(state, monitor.metrics(state)), baseline)
        write_judged_page(folder / f"attributions-{name}.html", judgement)


def write_trial_pages(folder: Path) -> None:
    champion = answers(3.0)
    shifted = answers(0.1)
    shifted["id"] = [f"j{number}" for number in range(len(shifted))]
    shifted["amount"] += 3
    challengers = {"promoted": answers(0.1), "unfair": shifted}
    challengers["alike"] = answers(3.0, seed=5).assign(label=champion["label"])
    for name, challenger in challengers.items():
        page = challenge(champion, challenger, WITH_SCORES).report()
        page.save(folder / f"challenge-{name}.html")


def write_pages(folder: Path) -> None:
    """Pages of every kind of monitor and of all data sets, with and without violations."""
    write_data_quality_pages(folder)
    write_run_page(folder)
    write_quality_pages(folder)
    write_bias_pages(folder)
    write_attribution_pages(folder)
    write_trial_pages(folder)
    for name, watched in FLEETS.items():
        (folder / f"fleet-{name}.html").write_text(render_html(create_fleet_page(watched, "shop")))


def write_demo(folder: Path) -> None:
    """The demo's day, and its page before the fault."""
    write_day(folder, ROWS)
    report(folder / "hours", until="2024-03-04T18:00").save(folder / "calm.html")


def pages_of_demo(folder: Path) -> Iterator[Path]:
    """Every fifth of its hours, and the pages of its baselines and of the day."""
    yield from sorted(folder.glob("*/2024/03/04/*/report.html"))[::5]
    yield from sorted(folder.glob("*/report.html"))
    yield from sorted(folder.glob("*.html"))


def empty_sheets(pdf: bytes) -> list[int]:
    """The numbers of sheets of Chromium's PDF that have no text."""
    objects = dict(re.findall(rb"(\d+) 0 obj\s(.*?)endobj", pdf, re.DOTALL))
    sheets = [content for content in objects.values() if re.search(rb"/Type\s*/Page\b", content)]
    empty = []
    for number, sheet in enumerate(sheets, start=1):
        [drawing] = re.findall(rb"/Contents (\d+) 0 R", sheet)
        packed = objects[drawing].partition(b"stream")[2].strip(b"\r\n")
        if not re.search(rb"\bT[jJ]\b", zlib.decompressobj().decompress(packed)):
            empty.append(number)
    return empty


def breaches(page: BrowserPage) -> list[str]:
    """What an open page breaks of the law, in all sizes."""
    broken = []
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        broken += [f"{width}: {breach}" for breach in page.evaluate(LAW)]
    broken += [f"sheet {number} of paper is empty" for number in empty_sheets(page.pdf(format="A4"))]
    return broken
