"""benchmarks/leaderboard: streams, faults, what is counted of an entrant, its intervals, and where ours loses."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MODULES = ("laws", "detectors", "streams", "faults", "play", "scores", "page", "rule_adapters")


@pytest.fixture(scope="module")
def board():
    """The modules of the leaderboard by name, which are gone again afterwards."""
    before = {*sys.modules}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        patch.syspath_prepend(str(BENCHMARKS / "leaderboard"))
        yield {name: importlib.import_module(name) for name in MODULES}
    for name in {*MODULES} - before:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        # Clopper and Pearson's limits as R's binom.test prints them
        pytest.param(0, 10, 0.0, 0.3084971, id="none"),
        pytest.param(3, 10, 0.06673951, 0.6524529, id="some"),
        pytest.param(10, 10, 0.6915029, 1.0, id="all"),
    ],
)
def test_a_share_has_the_exact_interval(board, count, total, low, high):
    interval = board["scores"].estimate_share(count, total)

    assert interval.low == pytest.approx(low, abs=1e-6)
    assert interval.high == pytest.approx(high, abs=1e-6)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        # Garwood's limits as R's poisson.test prints them
        pytest.param(0, 0.0, 3.688879, id="no alarm"),
        pytest.param(5, 1.623486, 11.66833, id="five alarms"),
    ],
)
def test_alarms_of_a_month_have_the_exact_interval(board, count, low, high):
    interval = board["scores"].estimate_monthly_rate(count, 720)

    assert interval.value == count
    assert interval.low == pytest.approx(low, abs=1e-5)
    assert interval.high == pytest.approx(high, abs=1e-5)


def test_there_are_thirty_laws_and_ten_faults(board):
    assert len(board["streams"].STREAM_LAWS) >= 30
    kinds = {fault.kind for fault in board["faults"].FAULTS}
    assert len(kinds) >= 10


def find_changed_columns(before, after):
    """The columns with other values; all if there are more or fewer rows."""
    if len(before["x"]) != len(after["x"]):
        return {*after}
    changed = set()
    for name, values in after.items():
        texts = values.astype(str)
        if not np.array_equal(texts, before[name].astype(str)):
            changed.add(name)
    return changed


@pytest.mark.parametrize("law", ["normal", "four texts", "changing catalogue"])
def test_every_fault_changes_what_an_alarm_should_name_and_nothing_else(board, law):
    stream = board["streams"].draw_law(law, 12, 1, 1)
    window = stream.windows[-1]
    baseline = board["laws"].concatenate(stream.baseline)
    sites = board["faults"].find_sites(baseline, stream.description)
    impossible = set()

    for fault in board["faults"].FAULTS:
        targets = fault.list_targets(sites)
        if not targets:
            impossible.add(fault.kind)
            continue
        # Rows of all columns, or some columns
        if fault.site in ("rows", "repeated", "records"):
            targets = {*window}
        changed = fault.make(np.random.default_rng(1), window, sites, 5)
        differing = find_changed_columns(window, changed)
        assert differing, fault
        assert differing <= targets, fault
        has_fewer_rows = len(changed["x"]) < len(window["x"])
        assert has_fewer_rows == (fault.site == "rows" or fault.size == "a gap of 6 hours"), fault

    assert impossible <= {"vanished value", "late rows", "unit"}, "only texts vanish, only with times rows are late"


def test_a_stream_follows_from_its_seed_and_wider_tables_keep_its_law(board):
    draw = board["streams"].draw_law
    stream = draw("hours", 20, 1, 2)
    repeated = draw("hours", 20, 1, 2)
    another = draw("hours", 20, 2, 2)
    wider = draw("hours", 30, 1, 2)

    assert repeated.digest == stream.digest
    assert another.digest != stream.digest
    assert len(stream.windows[0]) == 20
    assert len(wider.windows[0]) == 30
    last = stream.windows[-1]
    last_of_wider = wider.windows[-1]
    assert np.array_equal(last["x"], last_of_wider["x"])


def test_of_an_entrant_alarms_delays_and_names_are_counted(board, monkeypatch):
    """A detector that alarms if two of fifty x are missing, and names x; its second rule never alarms."""
    detectors = board["detectors"]
    play = board["play"]

    class NullCounter(detectors.ColumnDetector):
        def fit(self, baseline):
            self.windows = len(baseline)

        def find_drifted(self, columns):
            return {"x"} if np.isnan(columns["x"]).mean() > 0.03 else set()

    rules = {"any": detectors.share_above(0.0), "half": detectors.share_above(0.5)}
    monkeypatch.setattr(detectors, "NullCounter", NullCounter, raising=False)
    monkeypatch.setitem(detectors.ENTRANTS, "nulls", detectors.Entrant("detectors:NullCounter", rules=rules))
    stream = board["streams"].draw_law("normal, 50 rows", 12, 1, 3)
    rows = [*play.Player("nulls", stream).play(has_faults=True)]
    healthy = [row for row in rows if row["fault"] is None]
    many_nulls = [row for row in rows if row.get("size") == "15 % more"]
    swapped = [row for row in rows if row["fault"] == "swap"]

    assert [row["rule"] for row in healthy] == ["any", "half"]
    assert [row["alarms"] for row in healthy] == [0, 0]
    assert [row["windows"] for row in healthy] == [3, 3]
    assert [row["delay"] for row in many_nulls] == [1, None]
    assert [row["named"] for row in many_nulls] == [True, False]
    assert [row["delay"] for row in swapped] == [None, None]


def test_psi_of_shifted_deciles(board):
    """A tenth of the values moves from the lowest cell into the highest: (0 -> 1e-4 - .1) ln(1e-4 / .1) + .1 ln(.2 / .1)."""
    description = board["detectors"].StreamDescription("", 1, 1, None)
    detector = board["rule_adapters"].PopulationStability(description)
    baseline = np.arange(1_000.0)
    detector.fit([{"x": baseline}])

    shifted = np.where(baseline < 100, 999.0, baseline)
    psi = detector.compute_score("x", shifted)

    lowest = (1e-4 - 0.1) * np.log(1e-4 / 0.1)
    highest = 0.1 * np.log(2)
    assert psi == pytest.approx(lowest + highest, rel=0.02)


def list_rows(rule, delays, alarms=0):
    facts = {"rule": rule, "law": "normal", "columns": 20, "seed": 1}
    facts |= {"version": "1", "entrant": rule}
    healthy = {"windows": 2_000, "alarms": alarms, "errors": {}}
    healthy |= {"seconds": 1.0, "megabytes": 1, "digest": "a"}
    tries = [{**facts, "fault": "nulls", "size": "3 %", "delay": delay, "named": False} for delay in delays]
    return [{**facts, "fault": None, **healthy}, *tries]


@pytest.mark.parametrize(
    ("ours", "peer", "alarms", "is_lost"),
    [
        pytest.param(0, 20, 0, True, id="never found, always by another"),
        pytest.param(18, 20, 0, False, id="within the interval of the first"),
        pytest.param(0, 20, 50, False, id="the other alarms too often"),
    ],
)
def test_the_page_says_where_ours_loses(board, tmp_path, ours, peer, alarms, is_lost):
    of_ours = [1] * ours + [None] * (20 - ours)
    of_peer = [1] * peer + [None] * (20 - peer)
    rows = list_rows("ours", of_ours)
    rows += list_rows("peer", of_peer, alarms)
    board["page"].write_pages(tmp_path, rows, "2026-11-28", ["NannyML"])
    page = (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
    all_figures = (tmp_path / "static" / "leaderboard.html").read_text(encoding="utf-8")

    assert ("|normal, nulls, 3 %|20|" in page) == is_lost
    assert "NannyML" in all_figures
    assert "http" not in all_figures


def test_windows_of_all_laws_can_be_drawn_and_have_numbers_and_texts(board):
    laws = board["streams"].STREAM_LAWS
    for name, law in laws.items():
        random = np.random.default_rng(1)
        window = next(law.windows(random))
        assert "x" in window, name
        flags = [column for column, values in window.items() if values.dtype == bool]
        assert not flags, "columns are numbers or texts, as entrants take them"
