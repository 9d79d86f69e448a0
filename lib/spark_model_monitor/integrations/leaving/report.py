"""The report of `leave`: one page, and the same content as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from spark_model_monitor.documents.json_text import Json, dump_indented
from spark_model_monitor.documents.page import (
    Block,
    Headline,
    Highlight,
    Page,
    PageSection,
    PageTable,
    build_table,
    format_noun_count,
    format_number,
)
from spark_model_monitor.integrations.leaving.costs import Prices, StopCall, StopCalls, Usage
from spark_model_monitor.integrations.leaving.inventory import MonitoredSchedule
from spark_model_monitor.integrations.leaving.other_resources import OtherResource
from spark_model_monitor.integrations.leaving.published_rules import RULES
from spark_model_monitor.integrations.leaving.trials import NO_REPORT, NotDone, ReplayTrial, WindowVerdicts
from spark_model_monitor.value_class import value_class

VERSION = 1
NAME = "leaving"
_VERDICT_WORDS = {True: "alarm", False: "–", None: "no verdict"}
_NOT_MADE = (
    "None of these calls was made. Make them once your own runs have been beside the service's for as long as you want."
)
_MAX_DIFFERENCES = 5  # differences of a window that the page shows; the JSON has all


@value_class
class LeavingSchedule:
    """One schedule of the report. starters: what starts it here, by kind."""

    monitored: MonitoredSchedule
    usage: Usage
    trial: ReplayTrial
    starters: Mapping[str, str]


@value_class
class LeavingReport:
    """The whole report. stops: what costs money, and the calls that end it. notebooks: `import-notebook`'s output, by file."""

    source: str
    schedules: Sequence[LeavingSchedule]
    stops: StopCalls
    notebooks: Mapping[str, str]
    remarks: Sequence[str]
    prices: Prices | None = None
    other_resources: Sequence[OtherResource] = ()

    @property
    def not_done(self) -> list[tuple[str, str, NotDone]]:
        """The schedules that weren't moved, or not replayed: the name, "moved" or "replayed", and the reason."""
        not_done = []
        for schedule in self.schedules:
            name = schedule.monitored.name
            if schedule.trial.not_moved is not None:
                not_done.append((name, "moved", schedule.trial.not_moved))
            if schedule.trial.not_replayed is not None:
                not_done.append((name, "replayed", schedule.trial.not_replayed))
        return not_done

    def list_missed(self) -> list[str]:
        """A sentence on each schedule that wasn't moved, or not replayed."""
        return [f"{name} was not {kind}: {reason}." for name, kind, reason in self.not_done]

    @property
    def exit_status(self) -> int:
        """255 if a replay failed; otherwise 2 if a replay needs something that isn't installed; otherwise 0."""
        return max((reason.exit_status for _, _, reason in self.not_done), default=0)

    def hours_by_type(self) -> dict[str, float]:
        """Instance hours of a month, of the schedules whose runs have a known length."""
        hours: dict[str, float] = {}
        for schedule in self.schedules:
            if schedule.usage.instance_hours is not None:
                hours_before = hours.get(schedule.usage.instance_type, 0.0)
                hours[schedule.usage.instance_type] = hours_before + schedule.usage.instance_hours
        return hours

    def count_windows(self) -> dict[str, int]:
        """The numbers of windows: all, those that were compared with a report, and those that are equal to it."""
        windows = self._windows
        # Without a report of the service, a window is neither equal nor different
        return {
            "windows": len(windows),
            "compared": sum(window.equal is not None for window in windows),
            "equal": sum(window.equal is True for window in windows),
        }

    def count_alarms(self) -> dict[str, tuple[int, int]]:
        """By rule: its number of alarms, and of windows with a verdict. A rule without a verdict is left out."""
        alarms_by_rule = {
            "the service": [window.service for window in self._windows],
            "our default": [window.ours for window in self._windows],
            **{rule: [window.published.get(rule) for window in self._windows] for rule in RULES},
        }
        # A window without a verdict doesn't count, neither as alarm nor as quiet
        verdicts = {name: [alarm for alarm in alarms if alarm is not None] for name, alarms in alarms_by_rule.items()}
        return {name: (sum(alarms), len(alarms)) for name, alarms in verdicts.items() if alarms}

    @property
    def _windows(self) -> list[WindowVerdicts]:
        return [window for schedule in self.schedules for window in schedule.trial.windows]

    def to_json(self) -> str:
        """The content of leaving.json."""
        content = {
            "version": VERSION,
            "source": self.source,
            "instance_hours_a_month": self.hours_by_type(),
            "prices": None if self.prices is None else self.prices.plain(),
            "windows": self.count_windows(),
            "alarms": {
                name: {"alarms": alarms, "windows": windows} for name, (alarms, windows) in self.count_alarms().items()
            },
            "exit_status": self.exit_status,
            "schedules": [self._describe(schedule) for schedule in self.schedules],
            "stop": [asdict(call) for call in self.stops.schedules],
            "stop_captures": {
                folder: [asdict(call) for call in calls] for folder, calls in self.stops.captures.items()
            },
            "continuing": list(self.stops.continuing),
            "other_resources": [resource._asdict() for resource in self.other_resources],
            "notebooks": dict(self.notebooks),
            "remarks": list(self.remarks),
        }
        return dump_indented(content)

    def _describe(self, schedule: LeavingSchedule) -> dict[str, Json]:
        definition = schedule.monitored.definition
        trial = asdict(schedule.trial)
        reasons = {"not_moved": schedule.trial.not_moved, "not_replayed": schedule.trial.not_replayed}
        trial |= {member: None if reason is None else str(reason) for member, reason in reasons.items()}
        # A schedule whose definition is missing is in the report all the same
        return {
            "name": trial.pop("name"),
            "type": definition.monitoring_type if definition else None,
            "endpoint": definition.source.endpoint if definition else None,
            "status": schedule.monitored.description.status,
            "expression": schedule.monitored.description.expression,
            **asdict(schedule.usage),
            "instance_hours_a_month": schedule.usage.instance_hours,
            "money_a_month": schedule.usage.money(self.prices),
            **trial,
            "entries": dict(schedule.starters),
        }

    def to_page(self) -> Page:
        """The report as a page."""
        counts = self.count_windows()
        moved = sum(schedule.trial.not_moved is None for schedule in self.schedules)
        # The headline says first what could be done, and then what was not done, and why
        sentences = [f"{moved} of {format_noun_count(len(self.schedules), 'schedule')} can be moved"]
        if counts["compared"]:
            compared = format_noun_count(counts["compared"], "window")
            sentences.append(f"{counts['equal']} of {compared} with a report of the service equal")
        elif any(schedule.trial.has_verdicts for schedule in self.schedules):
            sentences.append(NO_REPORT)
        # The mark is never good, with which a page says that nothing is to do: the move is still to do
        mark = Highlight.NONE
        if self.not_done or counts["equal"] < counts["compared"]:
            mark = Highlight.UNSURE
        if self.exit_status:
            mark = Highlight.BAD
        sections = [
            PageSection("What runs today", tuple(self._list_usage())),
            PageSection("Who would have alarmed", tuple(self._list_alarms())),
            *(self._make_section(schedule) for schedule in self.schedules),
            PageSection("What still costs money", tuple(self._list_stop_calls())),
        ]
        # Sections that only some accounts have
        if self.other_resources:
            table = build_table(("what", "name", "here"), self.other_resources)
            sections.append(PageSection("The rest of the account", (table,)))
        if self.notebooks:
            rows = [(name, line) for name, text in self.notebooks.items() for line in text.splitlines()]
            sections.append(PageSection("Notebooks", (build_table(("file", "change"), rows),), folded=True))
        if self.remarks:
            sections.append(PageSection("Not read", tuple(self.remarks)))
        return Page(
            NAME,
            "Leaving SageMaker Model Monitor",
            (("Source", self.source),),
            tuple(sections),
            Headline(f"{'; '.join(sentences)}.", " ".join(self.list_missed()), mark),
            html_only=True,
        )

    def _list_usage(self) -> Iterable[Block]:
        titles = (
            "schedule",
            "monitors",
            "status",
            "instances",
            "runs a month",
            "instance hours a month",
            "money a month",
        )
        rows = []
        for schedule in self.schedules:
            monitored = schedule.monitored
            usage = schedule.usage
            money = usage.money(self.prices)
            price = "–"
            if money is not None and self.prices is not None:
                price = f"{money:,.2f} {self.prices.currency}"
            monitoring_type = monitored.definition.monitoring_type if monitored.definition else "unknown"
            instances = f"{usage.instance_count} × {usage.instance_type}"
            numbers = (str(usage.runs_a_month), format_number(usage.instance_hours), price)
            rows.append((monitored.name, monitoring_type, monitored.description.status, instances, *numbers))
        yield build_table(titles, rows, numbers=titles[4:])
        for instance_type, hours in self.hours_by_type().items():
            yield f"{instance_type}: {format_number(hours)} instance hours a month of 30 days."
        if any(schedule.usage.hours_a_run is None for schedule in self.schedules):
            yield "A dash: no execution says how long a run takes; add the output of list-monitoring-executions."
        if self.prices is not None:
            yield f"Prices of {self.prices.date}, {self.prices.region}."

    def _list_alarms(self) -> Iterable[Block]:
        counts = self.count_alarms()
        if not counts:
            yield "No window was judged."
            return
        titles = ("rule", "alarms", "windows judged")
        rows = [(name.capitalize(), str(alarms), str(windows)) for name, (alarms, windows) in counts.items()]
        yield build_table(titles, rows, numbers=titles[1:])
        yield (
            "The service alarms if a window has a violation; without any report of it, --compat service stands for it. "
            "The last three are the rules that AWS's examples have in its place, on the columns that Evidently's DataDriftPreset "
            "calls drifted; they are computed for data quality alone."
        )

    def _list_stop_calls(self) -> Iterable[Block]:
        yield _NOT_MADE
        if self.stops.schedules:
            yield _build_call_table(self.stops.schedules)
        for folder, calls in self.stops.captures.items():
            yield f"Only when your own middleware writes to {folder}:"
            yield _build_call_table(calls)
        yield from (f"Not stopped: {sentence}." for sentence in self.stops.continuing)

    def _make_section(self, schedule: LeavingSchedule) -> PageSection:
        trial = schedule.trial
        blocks: list[Block] = []
        if trial.not_moved:
            blocks.append(f"Not moved: {trial.not_moved}.")
        if trial.not_replayed:
            blocks.append(f"Not replayed: {trial.not_replayed}.")
        blocks += trial.replay
        # The verdicts of each hour
        if trial.windows:
            titles = ("window", "service", "our default", *RULES, "--compat service beside the report")
            blocks.append(build_table(titles, [_list_cells(window) for window in trial.windows]))
        blocks += trial.imported
        if schedule.starters:
            blocks.append(build_table(("started by", "with"), list(schedule.starters.items())))
        return PageSection(schedule.monitored.name, tuple(blocks))


def _build_call_table(calls: Sequence[StopCall]) -> PageTable:
    return build_table(("what", "call", "undone by"), [(call.costs, call.call, call.undo) for call in calls])


def _list_cells(window: WindowVerdicts) -> tuple[str, ...]:
    verdicts = [window.service, window.ours, *map(window.published.get, RULES)]
    # Whether --compat service gave what the service's report says
    if window.equal is None:
        comparison = "; ".join(filter(None, ("no report", window.failure)))
    elif window.equal:
        comparison = "equal"
    else:
        comparison = _format_differences(window.differences)
    return (window.start[:16], *(_VERDICT_WORDS[verdict] for verdict in verdicts), comparison)


def _format_differences(differences: Sequence[Mapping[str, str]]) -> str:
    members = ("kind", "subject", "check", "text")
    lines = [" ".join(filter(None, map(line.get, members))) for line in differences[:_MAX_DIFFERENCES]]
    further = len(differences) - len(lines)
    if further:
        lines.append(f"{further} more")
    return "; ".join(lines)
