"""What a merge is asked to do. Hours are counted since 1970 (`hours.hour_of`). Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat
from model_monitor.errors import BadConfiguration
from model_monitor.merging.absent import AbsentLabel
from model_monitor.merging.hours import HourFolder
from model_monitor.merging.labels import Period
from model_monitor.merging.to_label import ToLabel

MAX_QUARANTINED_SHARE = 0.01
"""Most records of either side, as a share of those read, that may be refused before a merge fails."""


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """One run of the merge.

    captures, labels, output_path: where things lie. dataset_format: what the captures are; None: their first file tells.
    first, last: the first and the last hour of the window; None for all there are. as_of: the hour that the run is for, to
    which ages are counted; None for the one after the window. late_hours: how far a label may be from its capture, and how
    long it is waited for; None: labels of the window count for its captures, and nothing is waited for. absent_label,
    after_hours: what captures are labelled with that got nothing in so many hours. to_label: captures to be listed for people.
    repairing: whether labels are read that are not JSON but nearly.
    """

    captures: str
    labels: str
    output_path: str
    dataset_format: CaptureFormat | CsvFormat | JsonFormat | None = None
    first: int | None = None
    last: int | None = None
    as_of: int | None = None
    late_hours: int | None = None
    absent_label: str | None = None
    after_hours: int = 0
    to_label: ToLabel | None = None
    repairing: bool = True
    max_quarantined_share: float = MAX_QUARANTINED_SHARE

    @property
    def hours(self) -> Collection[int] | None:
        """The hours of the window."""
        return None if self.first is None or self.last is None else range(self.first, self.last + 1)

    @property
    def absent(self) -> AbsentLabel | None:
        """The label of captures that got none in time, None if it is not asked for."""
        if self.absent_label is None or self.as_of is None:
            return None
        return AbsentLabel(self.absent_label, self.after_hours, self.as_of)

    @property
    def period(self) -> Period | None:
        """How far labels may be from captures, None if that does not matter."""
        if self.late_hours is None or self.first is None or self.last is None:
            return None
        return Period(self.late_hours, self.first, self.last)

    def label_hours(self, hours: Collection[int] | None) -> Collection[int] | None:
        """The hours whose labels may be those of captures of some hours."""
        if hours is None or self.late_hours is None:
            return hours
        return range(min(hours) - self.late_hours, max(hours) + self.late_hours + 1)

    def is_over(self, hour: HourFolder) -> bool:
        """Whether no label of the window, or of a later one, counts for an hour."""
        return self.late_hours is None or self.first is None or hour.hour + self.late_hours < self.first

    def of_hours(self, hours: Collection[int]) -> MergeRequest:
        """The request with its window, taken from the hours of the captures if it has none.

        Raises BadConfiguration if there are none, and something is asked for that needs them.
        """
        if self.first is None and (self.late_hours is not None or self.absent_label is not None):
            if not hours:
                raise BadConfiguration(
                    f"{self.captures}: no folder names an hour, so that --late-labels and --absent-label need a window; write "
                    "--start-time and --end-time, or --scheduled-time"
                )
            return replace(self, first=min(hours), last=max(hours)).of_hours(hours)
        return self if self.last is None or self.as_of is not None else replace(self, as_of=self.last + 1)
