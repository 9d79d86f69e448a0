"""benchmarks/ablation.py still runs on the product as it is: laws, faults, parts that are switched off, and what is printed."""

import importlib
import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    """The modules laws, contestants and ablation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield {name: importlib.import_module(name) for name in ("laws", "contestants", "ablation")}


@pytest.fixture(scope="module")
def windows(benchmark):
    """Sixteen small windows of two texts and numbers; the first eight are a baseline."""
    law = benchmark["laws"].LAWS["normal, 50 rows"]
    return [*islice(law.windows(np.random.default_rng(1)), 16)]


def test_every_fault_can_be_made_in_every_law(benchmark):
    laws = benchmark["laws"]
    assert len(laws.LAWS) >= 30
    for name, law in laws.LAWS.items():
        random = np.random.default_rng(1)
        columns = next(law.windows(random))
        unit = laws.estimate_unit(columns["x"])
        for fault in (*laws.select_faults(columns["x"]), laws.HALF_OF_THE_ROWS, *law.faults):
            changed = law.finish(random, laws.make_fault(random, columns, fault, unit))
            assert [*changed] == [*columns], f"{name}, {fault}"
            assert len({len(values) for values in changed.values()}) == 1, f"{name}, {fault}"


def test_windows_depend_on_the_seed_alone(benchmark):
    law = benchmark["laws"].LAWS["campaigns"]
    first, repeated = (next(law.windows(np.random.default_rng(3))) for _ in range(2))
    assert all((first[name] == repeated[name]).all() for name in first)


@pytest.mark.long
def test_each_part_can_be_switched_off_and_is_back_afterwards(benchmark, windows):
    contestants = benchmark["contestants"]
    law = replace(benchmark["laws"].LAWS["normal, 50 rows"], baseline=8)
    assert "baseline parts" in contestants.PARTS, "what can't be removed from the product"
    for part in (None, *contestants.PARTS):
        originals = read_attributes(contestants, part)
        product = contestants.Product(law, windows[:8], part)
        for number in (8, 9):
            product.judge(windows[number], number)
            product.remember()
        assert len(product.history.entries) == 2
        assert read_attributes(contestants, part) == originals


def read_attributes(contestants, part):
    """What the product has where a part is switched off."""
    owners = {path: contestants.find_owner(path) for path in contestants.ALL_PARTS.get(part, ())}
    return {path: vars(owner)[name] for path, (owner, name) in owners.items()}


def test_the_product_has_every_part_that_the_benchmark_switches_off(benchmark):
    contestants = benchmark["contestants"]
    paths = [path for replacements in contestants.ALL_PARTS.values() for path in replacements]

    assert [path for path in paths if contestants.find_owner(path) is None] == []


def test_a_check_is_a_part_by_its_name_and_is_back_afterwards(benchmark):
    contestants = benchmark["contestants"]
    part = contestants.list_table_parts()[0]
    [table] = [table for table in contestants.list_tables() if part in table]
    names = [*table]
    with contestants.switched_off(part):
        assert [*table] == names[1:]
    assert [*table] == names


def test_a_part_earns_the_faults_and_alarms_that_differ_without_it(benchmark, capsys):
    ablation = benchmark["ablation"]
    product = ablation.Tally(windows=200, alarms=1, delays={"frozen": [1] * 150 + [None] * 50})
    without_part = ablation.Tally(windows=200, alarms=4, delays={"frozen": [1] * 149 + [None] * 51})
    ablation.print_earnings({"a law": {"whole": product, "a part": without_part}}, "a part")

    # Three of 200 windows are 1.5 %
    printed = capsys.readouterr().out.splitlines()
    assert printed[1] == "a part stays: it finds +1 of 200 faults and prevents +3 alarms in 200 windows"
    assert printed[2].strip() == "a law: +1 faults, +3 alarms"


def test_a_check_that_finds_a_fault_by_itself_is_counted(benchmark):
    tally = benchmark["ablation"].Tally()
    tally.add_deciders({"range_check"})
    tally.add_deciders({"range_check", "sign_check"})
    assert tally.deciders == {"range_check": 2, "sign_check": 1}
    assert tally.sole_deciders == {"range_check": 1}


def test_a_part_that_the_product_lacks_is_not_found(benchmark):
    find_owner = benchmark["contestants"].find_owner
    assert find_owner("monitors.data_quality.no_module:nothing") is None
    assert find_owner("monitors.data_quality.baseline_comparison:Comparison.nothing") is None


def test_a_fault_is_found_and_leaves_no_trace_in_the_healthy_windows(benchmark, windows):
    ablation, contestants, laws = (benchmark[name] for name in ("ablation", "contestants", "laws"))
    law = replace(laws.LAWS["normal, 50 rows"], baseline=8)
    fault = "30 % a new value"
    unit = laws.estimate_unit(windows[0]["x"])
    product = contestants.Product(law, windows[:8])
    delay = ablation.measure_delay(
        product.fork(), fault, lambda number: ablation.change_window(windows, law, fault, unit, 1, number), 8
    )
    assert delay == 1
    assert not product.history.entries


def test_the_z_test_compares_a_window_with_the_sixteen_before(benchmark):
    columns = [{"x": np.array([0.0, 2.0]) + shift} for shift in (0.0, 2.0) * 8]  # means 1 and 3, deviations 1, two rows
    test = benchmark["contestants"].ZTest(columns, level=0.01)
    # The mean of means is 2, their deviation sqrt(16/15); 2 + 2.9467 * that * sqrt(17/16) is at the level, because
    # 2.9467 is the upper .005 quantile of Student's t of 15 (NIST/SEMATECH e-Handbook, 1.3.6.7.2: 2.947).
    border = 2 + 2.9467 * np.sqrt(16 / 15) * np.sqrt(17 / 16)
    assert test.judge({"x": np.array([-1.0, 1.0]) + border - 0.01}, 0) == set()
    assert test.judge({"x": np.array([-1.0, 1.0]) + border + 0.01}, 0) == {"x"}


def test_tables_have_alarms_delays_and_their_bounds(benchmark, capsys):
    ablation = benchmark["ablation"]
    tally = ablation.Tally(windows=720, alarms=4, delays={"frozen": [1, 2, None, 1]})
    assert tally.fewest_alarms == pytest.approx(0.823, abs=1e-3)  # Garwood 1936: the lower limit of 4 events at .01
    ablation.print_tables({"a law": {"whole": tally, "z-test": tally}}, ["whole"])
    assert "| a law | 4 of 720 | 0.82 | 0 | 0.50 | 0.75 | 2 |" in capsys.readouterr().out


def test_the_power_of_earlier_is_kept_within_two_standard_errors_of_pairs(benchmark, tmp_path):
    ablation = benchmark["ablation"]
    path = tmp_path / "earlier.json"

    def tallies(late, at_once):
        delays = {"frozen": [2] * late + [1] * at_once + [1] * 40 + [None] * 51}
        return {"a law": {"whole": ablation.Tally(delays=delays)}}

    before = {"frozen": [1] * 9 + [1] * 40 + [None] * 51}
    path.write_text(json.dumps({"a law": {"whole": {"delays": before}}}), encoding="utf-8")
    assert [*ablation.check_power(tallies(late=0, at_once=9), str(path))] == [True]
    # Nine of a hundred are lost: -.09 is below -2 * sqrt(9) / 100.
    assert [*ablation.check_power(tallies(late=9, at_once=0), str(path))] == [False]
