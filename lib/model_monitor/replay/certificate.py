"""The result of a replay: every window in three columns, and whether the monitoring goes on as it was. Pure.

The columns are the service's own report, a run with `--compat service`, and a run as we do it by default. The certificate
compares the first two; where no reports are given, the second stands for the service and is held against the third.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from model_monitor.data.records.windows import Window
from model_monitor.documents.statistics import InferredType
from model_monitor.replay.verdicts import Difference, Kind, Verdict, differences
from model_monitor.reports.outputs.printable import text_table

VERSION = 1

_TOPICS = {
    "data_type_check": "types",
    "completeness_check": "completeness",
    "categorical_values_check": "categories",
    "missing_column_check": "number of columns",
    "extra_column_check": "number of columns",
}
_DRIFT = "baseline_drift_check"
_COLUMNS = {InferredType.INTEGRAL: "discrete", InferredType.FRACTIONAL: "continuous", InferredType.STRING: "text"}
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class ReplayedWindow:
    """One window in the three columns. report: the service's, None if it left none; folder: where that lies."""

    window: Window
    service: Verdict
    default: Verdict
    report: Verdict | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """All windows of a replay, in their order.

    with_reports: whether the service's reports were given. types: of the baseline's features by name. unmatched: folders of
    reports for which there is no window.
    """

    windows: Sequence[ReplayedWindow]
    with_reports: bool
    types: Mapping[str, InferredType]
    unmatched: Sequence[str] = ()

    @property
    def is_equal(self) -> bool:
        """Whether at least one window could be compared, and every one of those is equal."""
        compared = [found for each in self.windows if (found := self.differences_of(each)) is not None]
        return bool(compared) and not any(compared)

    def differences_of(self, each: ReplayedWindow) -> tuple[Difference, ...] | None:
        """How the compared columns of a window differ; None if there is nothing to compare."""
        if not self.with_reports:
            return differences(each.service, each.default)
        return None if each.report is None else differences(each.report, each.service)

    def default_differences_of(self, each: ReplayedWindow) -> tuple[Difference, ...] | None:
        """How our default differs from what the service said, or would have said."""
        expected = each.report if self.with_reports else each.service
        return None if expected is None else differences(expected, each.default)

    def summary(self) -> str:
        """The certificate's own line, and with reports one for our default; then what had no counterpart."""
        lines = [self._line([self.differences_of(each) for each in self.windows])]
        if self.with_reports:
            by_default = self._line([self.default_differences_of(each) for each in self.windows])
            lines.append(f"our default beside the reports: {by_default}")
            without = sum(each.report is None for each in self.windows)
            lines += [f"{_counted(without, 'window')} without a report"] if without else []
            lines += [f"{_counted(len(self.unmatched), 'report')} without a window"] if self.unmatched else []
        else:
            lines.append("no reports were given: --compat service was held against our default")
        return "\n".join(lines)

    def message(self) -> str:
        """The exit message of the replay's job."""
        return f"Completed: {self.summary().splitlines()[0]}"

    def to_text(self) -> str:
        """The table for people, the reports without a window, and the summary."""
        rows = [self._row(each) for each in self.windows]
        unmatched = "".join(f"no captures for the report in {folder}\n" for folder in self.unmatched)
        table = text_table(["window", "service's file", "--compat service", "our default", "verdict"], rows)
        return f"{table}\n{unmatched}{self.summary()}\n"

    def to_json(self) -> str:
        """The content of replay.json."""
        content = {
            "version": VERSION,
            "equal": self.is_equal,
            "summary": self.summary().splitlines(),
            "reports_without_window": list(self.unmatched),
            "windows": [self._plain(each) for each in self.windows],
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def _row(self, each: ReplayedWindow) -> list[str]:
        found = self.differences_of(each)
        return [
            f"{each.window.start:%Y-%m-%dT%HZ}",
            _NOTHING if each.report is None else _cell(each.report),
            _cell(each.service),
            _cell(each.default),
            "no report" if found is None else _sentence(found) or "equal",
        ]

    def _plain(self, each: ReplayedWindow) -> dict[str, Any]:
        found, by_default = self.differences_of(each), self.default_differences_of(each)
        return {
            "start": each.window.start.isoformat(),
            "end": each.window.end.isoformat(),
            "report": each.folder,
            "equal": None if found is None else not found,
            "service_file": None if each.report is None else each.report.plain(),
            "compat_service": each.service.plain(),
            "default": each.default.plain(),
            "differences": _plain_differences(found),
            "differences_of_default": _plain_differences(by_default),
        }

    def _line(self, of_windows: Iterable[tuple[Difference, ...] | None]) -> str:
        compared = [found for found in of_windows if found is not None]
        differing = [found for found in compared if found]
        equal = f"{len(compared) - len(differing):,} of {_counted(len(compared), 'window')} equal"
        if not differing:
            return equal
        topics = Counter(topic for found in differing for topic in {self._topic(each) for each in found})
        named = ", ".join(topic for topic, _ in sorted(topics.items(), key=lambda item: (-item[1], item[0])))
        return f"{equal}; {len(differing):,} differ{'s' if len(differing) == 1 else ''}: {named}"

    def _topic(self, difference: Difference) -> str:
        """What a difference is about, in a few words."""
        if difference.kind is Kind.FAILED:
            return "a side without a verdict"
        if difference.check == _DRIFT:
            kind = _COLUMNS.get(self.types.get(difference.subject, InferredType.UNKNOWN))
            return f"drift on {kind} columns" if kind else "drift"
        return _TOPICS.get(difference.check, difference.check)


def _sentence(found: Sequence[Difference]) -> str:
    counts = Counter(difference.kind for difference in found)
    if counts[Kind.FAILED]:
        return "no verdict"
    return ", ".join(f"{count:,} {kind.value}" for kind in Kind if (count := counts[kind]))


def _cell(verdict: Verdict) -> str:
    return "failed" if verdict.failure is not None else f"{len(verdict.violations):,}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _plain_differences(found: Sequence[Difference] | None) -> list[dict[str, str]]:
    return [{**asdict(each), "kind": each.kind.value} for each in found or ()]
