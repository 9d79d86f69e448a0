"""What happens in a month: its captures and who does what when, told by a seed; once in quiet, once with faults.

A month is short here: a baseline and its versions, six hours that begin at a leap day, a change of clocks or a year's end,
captures of which some are damaged, come late, twice or never, runs by `run-due` or one by one, now and then on two hosts at
once, accepted alarms, a page, a prune. In half of them somebody sends hostile records (hostile.py), in half of them a second
schedule merges labels and judges the model (credit.py). In half of them the product is another release at first, and in the
middle of it (releases.py).

A step that fails is tried again, as a scheduler does, and one in which something went wrong once more in peace. `run-due` is
called as the documentation has it in crontab and for Kubernetes, and by a person with `--retry-failed` if a run has failed.
"""

from __future__ import annotations

import heapq
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from random import Random

from tests.simulation.credit import credit_steps, prepare_credit
from tests.simulation.hostile import make_odd_line, prepare_hostile, watch_fleet, write_manifest
from tests.simulation.releases import as_of_a_later_one, as_of_the_first, history_again, summed, unreadable
from tests.simulation.steps import (
    DONE,
    HOUR,
    JOBS,
    MARK,
    NO_DATA,
    OF_SINK,
    Step,
    is_failed,
    is_recorded,
    make_flags,
    put,
    register_sink,
    run_due_schedule,
    where,
    write_entry,
)
from tests.simulation.world import OF_SINKS, Fault, World
from tests.unit.records.captured_lines import format_capture

from jobs import baseline, monitor
from spark_model_monitor.reports.history.decisions import accept, promote, read_promotions, roll_back
from spark_model_monitor.reports.history.maintenance import PruneSelection, find_prunable, prune
from spark_model_monitor.reports.history_page import report_command as pages
from spark_model_monitor.storage import get_storage, holding

LAST = "last run-due"
IN_PEACE = "captures", "late captures", "labels", "upgrade", LAST
HOURS = 6
ROWS = 20
BASELINE_ROWS = 60
BEGINNINGS = tuple(
    datetime(*day, 19, tzinfo=timezone.utc) for day in ((2024, 2, 28), (2024, 3, 30), (2023, 12, 31), (2024, 10, 26))
)
MAX_TRIES = 8  # of a step, all but the first in peace
# where states of a later release would be added, and how that ends
REFUSED = "refused"
REFUSALS = (2, 255)
PLANS = tuple(f"{MARK}-{letter}" for letter in "abc")

CALLS_OF = {
    "monitor": 260,
    "run-due": 290,
    "baseline": 110,
    "promote": 90,
    "rollback": 40,
    "accept": 60,
    "prune": 90,
    "merge": 200,
    "merge-states": 120,
    "watch": 40,
    "history again": 40,
}


@dataclass
class Month:
    """A seed's plan. is_scheduled: whether `run-due` starts the runs. has_labels: whether there is a second schedule.
    is_upgraded: whether other releases have a part in it. is_hostile: whether somebody tries to steer it by its records.
    """

    seed: int
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.began = self.random.choice(BEGINNINGS)
        self.is_scheduled = self.random.random() < 0.5
        self.has_changed = False
        label_random = Random(f"labels of {self.seed}")
        self.has_labels = label_random.random() < 0.5
        self.is_upgraded = label_random.random() < 0.5
        self.hostile_random = Random(f"hostile records of {self.seed}")
        self.is_hostile = self.hostile_random.random() < 0.5
        planned = [list(self._planned())]
        if self.has_labels:
            planned.append(list(credit_steps(label_random, self.began, HOURS, is_scheduled=self.is_scheduled)))
        self.steps = list(heapq.merge(*planned, key=lambda step: step.at))
        if self.is_scheduled:  # what was stopped is tried again by the next call, and the last of them is in peace
            time = self.began + HOURS * HOUR + timedelta(minutes=30)
            if self.has_labels:
                schedules = ("churn", "credit")
            else:
                schedules = ("churn",)
            last = [
                Step(LAST, time, partial(run_due_schedule, schedule, time), ends_with=(0, NO_DATA, 255))
                for schedule in schedules
            ]
            self.steps = sorted([*self.steps, *last], key=lambda step: step.at)

    def _planned(self) -> Iterator[Step]:
        start = self.began - 2 * HOUR
        random = self.random
        yield Step("baseline", start, partial(_baseline, "people", "base"))
        yield Step("baseline", start, partial(_baseline, "others", "next"))
        if self.is_upgraded:
            yield Step("upgrade", start, partial(as_of_the_first, "base"))
        yield Step("promote", start, partial(_promoted, "base", "1", start))
        late: list[tuple[datetime, str]] = []
        kinds = [random.choice(("late", "never", "twice", *["in time"] * 6)) for _ in range(HOURS)]
        if kinds[:2] == ["never", "never"]:
            kinds[0] = "in time"  # else the first run has no folder to look into
        for number, kind in enumerate(kinds):
            hour = self.began + number * HOUR
            time = hour + HOUR + timedelta(minutes=5)
            if kind == "late":
                late.append((hour, self._lines(hour)))
            for late_hour in range(
                number and number + 1, min(number + 2, HOURS)
            ):  # a run reads the hour behind its own, too
                if kinds[late_hour] != "never":
                    begins = self.began + late_hour * HOUR
                    lines = self._lines(begins)
                    yield Step("captures", time, partial(_captured, begins, lines, "in-time.jsonl"))
                    if self.is_hostile and self.hostile_random.random() < 0.5:
                        yield Step(
                            "captures", time, partial(_manifest_left, begins, self.hostile_random.randrange(100))
                        )
                    if kinds[late_hour] == "twice":
                        yield Step("captures", time, partial(_captured, begins, lines, "again.jsonl"))
            ends_with = (NO_DATA, 255) if kind == "never" else DONE
            drivers = 1 + (random.random() < 0.3)
            if self.is_scheduled:
                yield Step("run-due", time, partial(run_due_schedule, "churn", time), hour, drivers, (*ends_with, 0))
            else:
                yield Step("monitor", time, partial(_monitored, hour), hour, drivers, ends_with)
            if late and random.random() < 0.5:
                before, lines = late.pop()
                yield Step("late captures", time, partial(_captured, before, lines, "late.jsonl"))
                yield Step("monitor", time, partial(_monitored, before), before)
            if random.random() < 0.3:
                yield Step("accept", time, partial(_accepted, hour, time), hour, ends_with=(0, 2, 255))
            if number == 2:
                yield Step("promote", time, partial(_promoted, "next", "2", time))
            if number == 3 and self.is_upgraded:
                yield Step("upgrade", time, partial(as_of_the_first, "reports"))
                yield Step("upgrade", time, partial(as_of_a_later_one, "reports"))
            if number == 4:
                yield Step("rollback", time, _rolled_back(time))
        end = self.began + (HOURS + 2) * HOUR
        if self.is_hostile:
            yield Step("watch", end, watch_fleet, ends_with=(0,))
        hours = [_output(self.began + number * HOUR) for number in range(HOURS)]
        yield Step("merge-states", end, partial(summed, hours, "sum"))
        if self.is_upgraded:
            yield Step("history again", end, partial(history_again, "reports"))
        if self.is_upgraded and self.has_labels:
            yield Step("upgrade", end, partial(unreadable, "credit-base", "later"))
            yield Step("merge-states", end, partial(summed, ("credit-base", "later"), REFUSED), ends_with=REFUSALS)
        yield Step("prune", end, partial(_pruned, self.began + 2 * HOUR))
        yield Step("report", end, _reported)

    def _lines(self, hour: datetime) -> str:
        """The captures of an hour: of some its values have changed, of the fourth if those before have not, so that there is an
        alarm; and a record now and then is none.
        """
        random = self.random
        shift = random.choice((0, 0, 0, 300))
        plans = random.choice((PLANS, PLANS, (*PLANS, f"{MARK}-new")))
        if not self.has_changed and hour >= self.began + 3 * HOUR:
            shift = 300
        self.has_changed |= shift > 0
        lines = [_line(random, hour, shift, plans) for _ in range(ROWS)]
        for row_number in random.sample(range(ROWS), random.choice((0, 0, 1, 2))):
            lines[row_number] = lines[row_number][: random.randrange(20, 80)] + MARK
        if self.is_hostile and self.hostile_random.random() < 0.7:
            lines.append(make_odd_line(self.hostile_random, _line(self.hostile_random, hour, 0, PLANS)))
        return "".join(f"{line}\n" for line in lines)


def _line(random: Random, hour: datetime, shift: int, plans: Sequence[str]) -> str:
    feature_text = f"{random.gauss(40, 10) + shift:.1f},{random.choice(plans)}"
    time = hour + timedelta(seconds=random.randrange(3600))
    return format_capture(feature_text, "0.5", f"{random.getrandbits(64):x}", time).rstrip()


def prepare(month: Month, folder: Path) -> None:
    """What is there before the month begins."""
    random = Random(month.seed)
    for name in ("people", "others"):
        rows = [f"0.5,{random.gauss(40, 10):.1f},{random.choice(PLANS)}\n" for _ in range(BASELINE_ROWS)]
        put(folder / f"{name}.csv", "score,age,plan\n" + "".join(rows), month.began)
    write_entry(folder, "churn", "DataQuality", month.began, {"monitor": {**MONITOR, "output_path": "reports"}})
    if month.is_hostile:
        prepare_hostile(folder, month.began)
    if month.has_labels:
        prepare_credit(folder, random, month.began)


# What is done. Paths are those of the world's folder, where the process works.

MONITOR = {
    "sagemaker_monitoring_schedule_name": "churn",  # a person says of which schedule a run is, too: it is the same run then
    "dataset_source": "captures/churn/AllTraffic",
    "dataset_format": "capture",
    "baseline": "baselines",
    "max_quarantined_share": "0.2",
    "sink": "simulated:all",
    "sink_required": "true",
    "engine": "local",
}


def _baseline(data: str, output: str, world: World) -> int:
    return baseline.main(
        make_flags({"dataset_source": f"{data}.csv", "dataset_format": "csv", "output_path": output, "engine": "local"})
    )


def _captured(hour: datetime, lines: str, name: str, world: World) -> None:
    folder = Path(world.folder, "captures", "churn", "AllTraffic", f"{hour:%Y/%m/%d/%H}")
    folder.mkdir(parents=True, exist_ok=True)
    put(folder / name, lines, hour)


def _manifest_left(hour: datetime, number: int, world: World) -> None:
    write_manifest(Path(world.folder, "captures", "churn", "AllTraffic", f"{hour:%Y/%m/%d/%H}"), hour, number)


def _output(hour: datetime) -> str:
    return f"reports/{hour + HOUR:%Y/%m/%d/%H}"


def _monitored(hour: datetime, world: World) -> int:
    options = {
        **MONITOR,
        "start_time": f"{hour:%Y-%m-%dT%H:%M:%SZ}",
        "end_time": f"{hour + HOUR:%Y-%m-%dT%H:%M:%SZ}",
        "output_path": _output(hour),
    }
    return monitor.main(make_flags(options))


def _promoted(run: str, version: str, time: datetime, world: World) -> None:
    promote(where(run), version, where("baselines"), time)


def _rolled_back(time: datetime) -> Callable[[World], None]:
    def rolled_back(world: World) -> None:
        baselines = where("baselines")
        with holding(get_storage(baselines), baselines):
            if len(read_promotions(baselines).standing) == 2:
                roll_back(baselines, time)

    return rolled_back


def _accepted(hour: datetime, time: datetime, world: World) -> None:
    accept(where(_output(hour)), now=time)


def _pruned(before: datetime, world: World) -> None:
    trees = PruneSelection((where("captures/churn/AllTraffic"),), (), (where("reports"),))
    prune(find_prunable(trees, before), outputs=trees.reports)


def _reported(world: World) -> None:
    pages.main(pages.HistoryRequest([where("reports")]), where("reports/history.html"), io.StringIO())


# How a month goes by.


Faults = Mapping[tuple[int, int], dict[int, Fault]]
"""By step and driver: what strikes at which call."""


def plan_faults(month: Month, seed: int) -> Faults:
    """Two to five faults a day, and three days: at which calls of which step and driver they strike."""
    random = Random(seed)
    faults_by_step = dict[tuple[int, int], dict[int, Fault]]()
    step_numbers = [index for index, step in enumerate(month.steps) if step.name not in IN_PEACE]
    step_numbers += [
        index for index in step_numbers if month.steps[index].hour is not None
    ]  # most that happens are runs of hours
    for _ in range(sum(random.randint(2, 5) for _ in range(3))):
        step_number = random.choice(step_numbers)
        fault = random.choice([*Fault])
        if fault in OF_SINKS:
            call = OF_SINK
        else:
            call = random.randint(1, CALLS_OF.get(month.steps[step_number].name, 100))
        driver = random.randrange(month.steps[step_number].drivers)
        # What a listing lacks leaves its folder empty, which `prune` removes: no disk does that, and other stores have no folders
        if fault is not Fault.LAG or month.steps[step_number].name != "prune":
            faults_by_step.setdefault((step_number, driver), {})[call] = fault
    return faults_by_step


def play(month: Month, world: World, faults: Faults, look: Callable[[], object]) -> None:
    """The month, step after step. look: at what there is after a try in which something went wrong.

    Raises AssertionError for a step that does not succeed in peace.
    """
    register_sink()
    unsettled: list[Step] = []
    for step_number, step in enumerate(month.steps):
        world.pass_until(step.at)
        if step.name not in ("run-due", "captures"):
            _settle(unsettled, world)
        planned = {driver: faults.get((step_number, driver), {}) for driver in range(step.drivers)}
        for _ in range(MAX_TRIES):
            before = len(world.struck)
            is_alone = not world.is_anyone_at_work()
            done = _tried(step, world, planned)
            if len(world.struck) > before:
                look()
            planned = {driver: {} for driver in planned}
            if done:
                break
            assert len(world.struck) > before or not is_alone, f"{step.name} of {step.at} fails in peace"
            # Cron calls again in an hour, before which a person repeats what has failed
            if step.name == "run-due" and not is_failed(step, world) and world.random.random() < 0.5:
                unsettled.append(step)
                break
            world.clock += world.random.uniform(1, 600)
        else:
            raise AssertionError(f"{step.name} of {step.at} does not succeed in peace: {world.said[-1:]}")
    _settle(unsettled, world)
    world.run_all()


def _settle(unsettled: list[Step], world: World) -> None:
    for step in unsettled:
        for _ in range(MAX_TRIES):
            if _tried(step, world, {}):
                break
            world.pass_seconds(900)
        else:
            raise AssertionError(f"the run of {step.at} never ends")
    unsettled.clear()


def _tried(step: Step, world: World, faults: Mapping[int, dict[int, Fault]]) -> bool:
    """Whether a step is done by one try of all its drivers, and nothing went wrong meanwhile."""
    before = {
        process: len(process.struck) for process in world.processes.values()
    }  # some may go on without who started them
    before_it = len(world.commands)
    job = step.job
    if step.name == "run-due" and is_failed(step, world):
        job = partial(job, retry_failed=True)
    drivers = [
        world.start(world.hosts[driver], partial(job, world), faults.get(driver)) for driver in range(step.drivers)
    ]
    world.run(*drivers)
    struck = [strike for process in world.processes.values() for strike in process.struck[before.get(process, 0) :]]
    world.struck += [(step.name, *strike) for strike in struck]
    is_quiet = all(fault.is_silent for fault, _ in struck)
    if step.name != "run-due":
        return is_quiet and all(driver.status in step.ends_with for driver in drivers)
    if not is_recorded(step, world):
        return False
    if is_quiet:
        return True
    for job, flags in world.commands[before_it:]:  # what is completed nobody but people runs again
        second_process = world.start(world.hosts[0], partial(JOBS[job], flags))
        world.run(second_process)
        if second_process.status not in (*DONE, NO_DATA):
            return False
    return True
