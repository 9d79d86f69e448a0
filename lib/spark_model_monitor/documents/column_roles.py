"""What the columns of captured records are: inputs, answers, and the label, which never comes with a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spark_model_monitor.documents.document import Name, Number, Section


class ColumnRoles(Section):
    """The columns that captures have and the baseline lacks, and the column that only the baseline has.

    label: None if there is none; if it is an answer, too, that stands in its place. answers, inputs: by name the share of the
    first records that have them.
    """

    label: Name | None = None
    answers: Mapping[Name, Number] = {}
    inputs: Mapping[Name, Number] = {}

    @property
    def absent_label(self) -> str | None:
        """The label, unless an answer stands in its place."""
        return None if self.label in self.answers else self.label

    def list_new_columns(self, baseline: Sequence[str]) -> dict[str, float]:
        """The columns that a baseline with these columns lacks, with their shares; answers first."""
        # A later baseline may have some of them
        shares = {**self.answers, **self.inputs}
        return {name: share for name, share in shares.items() if name not in baseline}

    def list_columns(self, baseline: Sequence[str]) -> tuple[str, ...]:
        """The columns of a record: those of the baseline, then the new ones."""
        return (*(name for name in baseline if name != self.absent_label), *self.list_new_columns(baseline))

    def list_captured(self, baseline: Sequence[str]) -> tuple[str, ...]:
        """The same in the order in which records without names have them: answers first."""
        columns = self.list_columns(baseline)
        return (*self.answers, *(name for name in columns if name not in self.answers))
