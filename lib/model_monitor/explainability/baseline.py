"""A baseline as far as checking goes: the global values that features had, and the state behind them if it is there. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from model_monitor.documents.clarify import AttributionReport
from model_monitor.statistics.states import Attributions


@dataclass(frozen=True)
class AttributionBaseline:
    """What later data is held against."""

    constraints: AttributionReport
    state: Attributions | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """None: the columns of later data are found by the configuration."""
        return ()

    def without(self, excluded: Collection[str]) -> AttributionBaseline:
        """The same without some of its features."""
        explanations = self.constraints.explanations
        outputs = {
            output: attributions.model_copy(
                update={
                    "global_shap_values": {
                        name: value for name, value in attributions.global_shap_values.items() if name not in excluded
                    }
                }
            )
            for output, attributions in (explanations.kernel_shap or {}).items()
        }
        kept = explanations.model_copy(update={"kernel_shap": outputs})
        return AttributionBaseline(self.constraints.model_copy(update={"explanations": kept}), self.state)
