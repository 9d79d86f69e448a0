"""group_column: rows with the same value of a column are alike and lie scattered over the window."""

from __future__ import annotations

from spark_model_monitor.monitors.data_quality.hints import HintSentences, ObservedData, register_hint


@register_hint("group_column")
def group_column(window: ObservedData) -> HintSentences:
    """A column's values explain why rows of the window are alike, and nobody named it as `--group-column`.

    Source: D4.23.
    """
    effects = None
    if window.compared is not None:
        effects = window.compared.design_effects
    if effects is None or effects.group_column is None:
        return
    name = effects.group_column
    reason = f"rows with the same {name!r} are alike and lie scattered over the window"
    yield (name,), f"{reason}, so they say less than as many others; make the baseline with --group-column {name}"
