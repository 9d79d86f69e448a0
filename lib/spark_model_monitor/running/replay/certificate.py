"""The result of a replay: each side's verdict on a window, their differences, and whether they are equal overall."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.headline import DRIFT
from spark_model_monitor.documents.page import format_noun_count
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.reports.outputs.printable import text_table

_DEVIATION = re.compile(r" \+/- \S+(?= was )")
_CHECK = "constraint_check_type"
_TEXT = "description"


@dataclass(frozen=True, slots=True, order=True)
class Reported:
    """One violation of any monitor. subject: the feature, or the metric with its facet."""

    subject: str
    check: str
    text: str

    @classmethod
    def of(cls, violation: Mapping[str, Any]) -> Reported:
        """The violation in one member of constraint_violations.json."""
        subject = " ".join(str(value) for name, value in violation.items() if name not in (_CHECK, _TEXT))
        return cls(subject, str(violation[_CHECK]), _DEVIATION.sub("", str(violation[_TEXT])))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The violations that one side has for a window, or the reason why it has none."""

    violations: frozenset[Reported] = frozenset()
    failure: str | None = None

    @classmethod
    def of(cls, violations: Iterable[Mapping[str, Any]]) -> Verdict:
        """The verdict in the members of a constraint_violations.json."""
        return cls(frozenset(map(Reported.of, violations)))

    def plain(self) -> dict[str, Any]:
        """The verdict as a JSON object, violations sorted by subject."""
        if self.failure is not None:
            return {"failure": self.failure}
        return {"violations": [asdict(violation) for violation in sorted(self.violations)]}

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> Verdict:
        """The verdict that `plain` returned. Raises KeyError or TypeError if it is not one."""
        if "failure" in content:
            return cls(failure=str(content["failure"]))
        violations = [Reported(**each) for each in content["violations"]]
        if not all(
            isinstance(text, str)
            for violation in violations
            for text in (violation.subject, violation.check, violation.text)
        ):
            raise TypeError("the members of a violation are texts")
        return cls(frozenset(violations))


class Kind(Enum):
    """How a side differs from the one it is compared with."""

    FEWER = "fewer"  # a violation is missing
    MORE = "more"  # there is an additional one
    OTHER_TEXT = "other text"  # the same check of the same subject is violated, with another number or other words
    FAILED = "failed"  # one of the two has no verdict


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between two verdicts; without a subject if one side has none. text: of the side that has it."""

    kind: Kind
    subject: str = ""
    check: str = ""
    text: str = ""


def differences(expected: Verdict, actual: Verdict) -> tuple[Difference, ...]:
    """The differences of `actual` from `expected`, by subject; empty if they are equal."""
    if expected.failure is not None or actual.failure is not None:
        return (Difference(Kind.FAILED, text=actual.failure or expected.failure or ""),)
    return tuple(sorted(_of_violations(expected, actual), key=lambda each: (each.subject, each.check, each.text)))


def _of_violations(expected: Verdict, actual: Verdict) -> Iterator[Difference]:
    missing = expected.violations - actual.violations
    added = actual.violations - expected.violations
    places = {(each.subject, each.check) for each in missing} & {(each.subject, each.check) for each in added}
    for side, kind in ((missing, Kind.FEWER), (added, Kind.MORE)):
        for each in side:
            if (each.subject, each.check) not in places:
                yield Difference(kind, each.subject, each.check, each.text)
            elif kind is Kind.MORE:
                yield Difference(Kind.OTHER_TEXT, each.subject, each.check, each.text)


VERSION = 1

_TOPICS = {
    "data_type_check": "types",
    "completeness_check": "completeness",
    "categorical_values_check": "categories",
    "missing_column_check": "number of columns",
    "extra_column_check": "number of columns",
}
_COLUMNS = {InferredType.INTEGRAL: "discrete", InferredType.FRACTIONAL: "continuous", InferredType.STRING: "text"}
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class ReplayedWindow:
    """One window in the three columns. report: the service's, None if it left none; folder: its location."""

    window: Window
    service: Verdict
    default: Verdict
    report: Verdict | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """All windows of a replay, in order.

    with_reports: whether the service's reports were given. types: of the baseline's features by name. unmatched:
    folders of reports without a window.
    """

    windows: Sequence[ReplayedWindow]
    with_reports: bool
    types: Mapping[str, InferredType]
    unmatched: Sequence[str] = ()

    @property
    def is_equal(self) -> bool:
        """Whether at least one window could be compared, and all of those are equal."""
        compared = [found for window in self.windows if (found := self.differences_of(window)) is not None]
        return bool(compared) and not any(compared)

    def differences_of(self, each: ReplayedWindow) -> tuple[Difference, ...] | None:
        """The differences between the compared columns of a window; None if there is nothing to compare."""
        if not self.with_reports:
            return differences(each.service, each.default)
        if each.report is None:
            return None
        return differences(each.report, each.service)

    def default_differences_of(self, each: ReplayedWindow) -> tuple[Difference, ...] | None:
        """The differences of our default from the service's verdict, reported or replayed."""
        expected = each.report if self.with_reports else each.service
        if expected is None:
            return None
        return differences(expected, each.default)

    def summary(self) -> str:
        """The certificate's own line, and with reports one for our default; then items without a counterpart."""
        lines = [self._line([self.differences_of(window) for window in self.windows])]
        if self.with_reports:
            by_default = self._line([self.default_differences_of(window) for window in self.windows])
            lines.append(f"our default beside the reports: {by_default}")
            without = sum(window.report is None for window in self.windows)
            lines += [f"{format_noun_count(without, 'window')} without a report"] if without else []
            lines += [f"{format_noun_count(len(self.unmatched), 'report')} without a window"] if self.unmatched else []
        else:
            lines.append("no reports were given: --compat service was held against our default")
        return "\n".join(lines)

    def message(self) -> str:
        """The exit message of the replay's job."""
        return f"Completed: {self.summary().splitlines()[0]}"

    def to_text(self) -> str:
        """The table for people, the reports without a window, and the summary."""
        rows = [self._row(window) for window in self.windows]
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
            "windows": [self._plain(window) for window in self.windows],
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def _row(self, each: ReplayedWindow) -> list[str]:
        differences = self.differences_of(each)
        return [
            f"{each.window.start:%Y-%m-%dT%HZ}",
            _NOTHING if each.report is None else _cell(each.report),
            _cell(each.service),
            _cell(each.default),
            "no report" if differences is None else _sentence(differences) or "equal",
        ]

    def _plain(self, each: ReplayedWindow) -> dict[str, Any]:
        differences = self.differences_of(each)
        by_default = self.default_differences_of(each)
        return {
            "start": each.window.start.isoformat(),
            "end": each.window.end.isoformat(),
            "report": each.folder,
            "equal": None if differences is None else not differences,
            "service_file": None if each.report is None else each.report.plain(),
            "compat_service": each.service.plain(),
            "default": each.default.plain(),
            "differences": _plain_differences(differences),
            "differences_of_default": _plain_differences(by_default),
        }

    def _line(self, of_windows: Iterable[tuple[Difference, ...] | None]) -> str:
        compared = [found for found in of_windows if found is not None]
        differing = [found for found in compared if found]
        equal = f"{len(compared) - len(differing):,} of {format_noun_count(len(compared), 'window')} equal"
        if not differing:
            return equal
        topics = Counter(topic for found in differing for topic in {self._topic(each) for each in found})
        named = ", ".join(topic for topic, _ in sorted(topics.items(), key=lambda item: (-item[1], item[0])))
        return f"{equal}; {len(differing):,} differ{'s' if len(differing) == 1 else ''}: {named}"

    def _topic(self, difference: Difference) -> str:
        """The topic of a difference, in a few words."""
        if difference.kind is Kind.FAILED:
            return "a side without a verdict"
        if difference.check == DRIFT:
            kind = _COLUMNS.get(self.types.get(difference.subject, InferredType.UNKNOWN))
            if kind:
                return f"drift on {kind} columns"
            return "drift"
        return _TOPICS.get(difference.check, difference.check)


def _sentence(found: Sequence[Difference]) -> str:
    counts = Counter(difference.kind for difference in found)
    if counts[Kind.FAILED]:
        return "no verdict"
    return ", ".join(f"{count:,} {kind.value}" for kind in Kind if (count := counts[kind]))


def _cell(verdict: Verdict) -> str:
    if verdict.failure is not None:
        return "failed"
    return f"{len(verdict.violations):,}"


def _plain_differences(found: Sequence[Difference] | None) -> list[dict[str, str]]:
    return [{**asdict(each), "kind": each.kind.value} for each in found or ()]
