"""The label of captures that got none in time: no click is a label, too."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class AbsentLabel:
    """What a capture is labelled with when so many hours have gone by since its own. as_of: the hour that the run is for."""

    label: str
    after_hours: int
    as_of: int

    @property
    def truth(self) -> str:
        """The JSON text of `groundTruthData`."""
        return json.dumps({"data": self.label, "encoding": "CSV"}, separators=(",", ":"), ensure_ascii=False)

    def is_due(self, hours: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the period of the captures of these hours is over."""
        due: NDArray[np.bool_] = hours + 1 + self.after_hours <= self.as_of
        return due
