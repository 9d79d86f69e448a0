"""Why a record is refused: it is counted under its reason and kept in the quarantine, and the run goes on.

A record carries its reason as a number in the column `REASON` (0: kept), never as a filter on the result of a parse,
which Spark would evaluate again for each use (production rule 4).
"""

from __future__ import annotations

from enum import IntEnum

REASON = "__reason"


class Refusal(IntEnum):
    """Reasons for refusing a record, by the number that stands in `REASON`."""

    WRONG_NUMBER_OF_CELLS = 1
    NOT_UTF_8 = 2
    REPEATED_HEADER = 3
    COLUMNS_IN_ANOTHER_ORDER = 4
    NOT_A_JSON_OBJECT = 5
    SEVERAL_JSON_OBJECTS = 6
    SCRIPT_ERROR = 7

    @property
    def text(self) -> str:
        """The reason in words, as ledger and log say it."""
        return TEXTS[self]


TEXTS = {
    Refusal.WRONG_NUMBER_OF_CELLS: "wrong number of cells",
    Refusal.NOT_UTF_8: "not UTF-8",
    Refusal.REPEATED_HEADER: "repeated header line",
    Refusal.COLUMNS_IN_ANOTHER_ORDER: "header with the columns in another order",
    Refusal.NOT_A_JSON_OBJECT: "not a JSON object",
    Refusal.SEVERAL_JSON_OBJECTS: "several JSON objects in one line",
    Refusal.SCRIPT_ERROR: "script error",
}
