"""The roles of columns in captured records: inputs, answers, and the label, which a request never contains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spark_model_monitor.documents.document import Name, Number, Section


class ColumnRoles(Section):
    """The columns that captured records have and the baseline lacks, and the label, which only the baseline has.

    label: None if there is none. If an answer has the label's name, it takes the label's place.
    answers, inputs: by name, the share of the first records that have the column.
    """

    label: Name | None = None
    answers: Mapping[Name, Number] = {}
    inputs: Mapping[Name, Number] = {}

    @property
    def absent_label(self) -> str | None:
        """The label, unless an answer takes its place."""
        if self.label in self.answers:
            return None
        return self.label

    def list_new_columns(self, baseline: Sequence[str]) -> dict[str, float]:
        """The columns that are missing in a baseline with these columns, with their shares; answers first."""
        # A later baseline may already have some of them
        shares = {**self.answers, **self.inputs}
        return {name: share for name, share in shares.items() if name not in baseline}

    def list_columns(self, baseline: Sequence[str]) -> tuple[str, ...]:
        """The columns of a record: the baseline's columns, then the new ones."""
        baseline_columns = [name for name in baseline if name != self.absent_label]
        return (*baseline_columns, *self.list_new_columns(baseline))

    def list_captured(self, baseline: Sequence[str]) -> tuple[str, ...]:
        """The columns of a record in the order of records without names: answers first."""
        return tuple(dict.fromkeys((*self.answers, *self.list_columns(baseline))))
