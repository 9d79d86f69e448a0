"""_promotions.json: which versions of a baseline counted, from when on, and which were taken back.

Ours. Times are UTC, `2021-05-06T22:00:00Z`. Driver only, pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from model_monitor.documents.document import Document, Section
from model_monitor.documents.values import Name, Number


class Promotion(Section):
    """One version that was made to count.

    source: the output path of the run that it is a copy of. taken_back: when it was rolled back, None if it was not.
    """

    model_version: Name
    run_id: Name
    source: Name
    time: Name
    taken_back: Name | None = None


class Promotions(Document):
    """The file. promotions: the oldest first; the last one that was not taken back counts."""

    FILE_NAME: ClassVar[str] = "_promotions.json"
    MEANT: ClassVar[str] = "_promotions.json of `model-monitor promote`"
    FOREIGN: ClassVar[Mapping[str, str]] = {}

    version: Number = Field(default=1.0)
    promotions: tuple[Promotion, ...] = ()

    @property
    def standing(self) -> tuple[Promotion, ...]:
        """Those that were not taken back; the last one counts."""
        return tuple(promotion for promotion in self.promotions if promotion.taken_back is None)
