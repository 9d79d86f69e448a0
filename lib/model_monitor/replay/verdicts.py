"""What one side says of a window, and how two sides differ. Pure.

A side is the report that the service left, or a run of ours. Order does not matter: the service's own is not deterministic
(G17). The deviation in a model-quality text (` +/- 0.01`) comes from random draws and is left out (G20).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

_DEVIATION = re.compile(r" \+/- \S+(?= was )")
_CHECK, _TEXT = "constraint_check_type", "description"


@dataclass(frozen=True, slots=True, order=True)
class Reported:
    """One violation, of whatever monitor. subject: the feature, or the metric with its facet."""

    subject: str
    check: str
    text: str

    @classmethod
    def of(cls, violation: Mapping[str, Any]) -> Reported:
        """The violation that one member of constraint_violations.json describes."""
        subject = " ".join(str(value) for name, value in violation.items() if name not in (_CHECK, _TEXT))
        return cls(subject, str(violation[_CHECK]), _DEVIATION.sub("", str(violation[_TEXT])))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The violations that one side has for a window, or the sentence that says why it has none to tell."""

    violations: frozenset[Reported] = frozenset()
    failure: str | None = None

    @classmethod
    def of(cls, violations: Iterable[Mapping[str, Any]]) -> Verdict:
        """The verdict that the members of a constraint_violations.json are."""
        return cls(frozenset(map(Reported.of, violations)))

    def plain(self) -> dict[str, Any]:
        """The verdict as a JSON object, violations in their order by subject."""
        if self.failure is not None:
            return {"failure": self.failure}
        return {"violations": [asdict(each) for each in sorted(self.violations)]}

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> Verdict:
        """The verdict that `plain` gave.

        Raises KeyError or TypeError if it is none.
        """
        if "failure" in content:
            return cls(failure=str(content["failure"]))
        told = [Reported(**each) for each in content["violations"]]
        if not all(isinstance(text, str) for each in told for text in (each.subject, each.check, each.text)):
            raise TypeError("a violation is told by texts")
        return cls(frozenset(told))


class Kind(Enum):
    """How a side differs from the one that it is held against."""

    FEWER = "fewer"
    """A violation is not there."""
    MORE = "more"
    """There is one more."""
    OTHER_TEXT = "other text"
    """The same check of the same subject is violated, by another number or in other words."""
    FAILED = "failed"
    """One of the two has no verdict."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two verdicts differ; without a subject if one side has none. text: of the side that has it."""

    kind: Kind
    subject: str = ""
    check: str = ""
    text: str = ""


def differences(expected: Verdict, found: Verdict) -> tuple[Difference, ...]:
    """How `found` differs from `expected`, by subject; nothing if they are equal."""
    if expected.failure is not None or found.failure is not None:
        return (Difference(Kind.FAILED, text=found.failure or expected.failure or ""),)
    return tuple(sorted(_of_violations(expected, found), key=lambda each: (each.subject, each.check, each.text)))


def _of_violations(expected: Verdict, found: Verdict) -> Iterator[Difference]:
    missing, added = expected.violations - found.violations, found.violations - expected.violations
    places = {(each.subject, each.check) for each in missing} & {(each.subject, each.check) for each in added}
    for side, kind in ((missing, Kind.FEWER), (added, Kind.MORE)):
        for each in side:
            if (each.subject, each.check) not in places:
                yield Difference(kind, each.subject, each.check, each.text)
            elif kind is Kind.MORE:
                yield Difference(Kind.OTHER_TEXT, each.subject, each.check, each.text)
