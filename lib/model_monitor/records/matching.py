"""How the columns of records were found among the baseline's: by the names they carry, or by position alone. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum

from model_monitor.records.decoding import GENERATED

NUMBER = re.compile(r"-\d+|[-+]?\d+\.\d+")
"""What nobody calls a column, unless the baseline says so."""


class Matching(Enum):
    """How the columns were matched, as the ledger says it.

    Source: M11, M14.
    """

    NAME = "name"
    POSITION = "position"
    NAME_ELSE_POSITION = "name, else position"
    """Record by record: the members of JSON objects by name, the cells of CSV and of JSON arrays by position."""

    @property
    def may_be_by_position(self) -> bool:
        """Whether some cells carry no name that says which column they are of."""
        return self is not Matching.NAME


def matching_of(carried: Collection[str], baseline: Collection[str]) -> Matching:
    """How columns of these names are matched: by name if all of the baseline's are there, and somebody gave them."""
    return Matching.NAME if set(baseline) <= set(carried) and carry_names(baseline) else Matching.POSITION


def can_be_told(carried: Collection[str], baseline: Collection[str]) -> bool:
    """Whether columns of these names are found by them alone. Those of a record, read as a header, are no names."""
    if not (carry_names(carried) and carry_names(baseline)):
        return False
    return not set(carried).isdisjoint(baseline) or not any(map(NUMBER.fullmatch, carried))


def carry_names(names: Collection[str]) -> bool:
    """Whether the columns have names of their own, not only `_c0`, `_c1`, …, which a column without one is given."""
    return not all(map(GENERATED.fullmatch, names))
