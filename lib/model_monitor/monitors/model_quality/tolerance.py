"""Tolerance: how far a suggested threshold lies from the baseline's value. Pure.

The service takes the bare value, so that every second healthy window breaks it. The default, `interval`, takes the value that
another sample of the same kind falls short of so rarely that all metrics of a run together raise a false alarm in at most 5 % of
the healthy windows. Both errors count: that of the baseline and that of the window.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from model_monitor.documents.model_quality import ComparisonOperator
from model_monitor.errors import BadConfiguration
from model_monitor.monitors.model_quality.estimates import Estimate, Side

FALSE_ALARMS = 0.05
"""Share of healthy windows that may break any threshold."""

RESERVE = 2
"""The thresholds are made for so many times fewer: errors are estimated, and heavy tails make their estimates too small."""

_AMOUNT = re.compile(r"(absolute):(\d*\.?\d+)|(relative):(\d*\.?\d+) ?%")

_WORSE = {ComparisonOperator.LESS_THAN: Side.LOW, ComparisonOperator.GREATER_THAN: Side.HIGH}


class Rule(Enum):
    """How a threshold is made. NONE is the service's rule."""

    NONE = "none"
    INTERVAL = "interval"
    ABSOLUTE = "absolute"
    RELATIVE = "relative"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a suggested threshold lies from the baseline's value: a rule with its amount.

    Parameters
    ----------
    rule : Rule
        How the threshold is made; `Tolerance.parse` reads it from a text.
    amount : float, default 0.0
        For ABSOLUTE in the metric's unit, for RELATIVE a share (0 to 1) of the baseline's value.

    Examples
    --------
    >>> from model_monitor import Tolerance
    >>> Tolerance.parse("absolute:0.02").amount
    0.02
    """

    rule: Rule
    amount: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Tolerance:
        """The tolerance that is written so: `none`, `interval`, `absolute:0.02` or `relative:5%`.

        Raises BadConfiguration showing the text and the four forms.
        """
        given = text.strip().lower()
        if given in (Rule.NONE.value, Rule.INTERVAL.value):
            return cls(Rule(given))
        amount = _AMOUNT.fullmatch(given)
        if not amount:
            raise BadConfiguration(
                f"tolerance is {text!r}; write none, interval, absolute:0.02 (in the metric's unit) or relative:5%"
            )
        absolute, number, _, percentage = amount.groups()
        return cls(Rule.ABSOLUTE, float(number)) if absolute else cls(Rule.RELATIVE, float(percentage) / 100)

    def __str__(self) -> str:
        if self.rule is Rule.ABSOLUTE:
            return f"absolute:{self.amount:g}"
        return f"relative:{self.amount * 100:g}%" if self.rule is Rule.RELATIVE else self.rule.value

    def threshold(
        self, estimate: Estimate, operator: ComparisonOperator, *, metrics: int, window_rows: int, rows: int
    ) -> float:
        """The threshold for later windows, from the baseline's estimate of a defined metric.

        metrics: thresholds that share the false alarms. window_rows: of a window. rows: of the baseline.
        """
        side, value = _WORSE[operator], estimate.value
        if self.rule is Rule.INTERVAL:
            limit = estimate.limit(side, level_of_each(FALSE_ALARMS, metrics), window_rows / rows)
            return value if limit is None else limit
        slack = self.amount * abs(value) if self.rule is Rule.RELATIVE else self.amount
        return value + side.value * slack


BARE, INTERVAL = Tolerance(Rule.NONE), Tolerance(Rule.INTERVAL)


def level_of_each(false_alarms: float, metrics: int) -> float:
    """How often one of several metrics may break its threshold, by Bonferroni's inequality.

    Source: Dunn 1961, "Multiple comparisons among means".
    """
    return false_alarms / RESERVE / metrics


def worse_side(operator: ComparisonOperator) -> Side:
    """Where the worse values of a metric with this operator lie."""
    return _WORSE[operator]
