"""group_column: rows with the same value of a column are alike and lie scattered over the window."""

from __future__ import annotations

from spark_model_monitor.monitors.data_quality.hints import HINTS, Said, Seen


@HINTS.register("group_column")
def group_column(seen: Seen) -> Said:
    """A column's values explain why rows of the window are alike, and nobody named it as `--group-column`.

    Source: D4.23.
    """
    effects = seen.compared.design_effects if seen.compared is not None else None
    if effects is None or effects.group_column is None:
        return
    name = effects.group_column
    said = (
        f"rows with the same {name!r} are alike and lie scattered over the window, so they say less than as many others"
    )
    yield (name,), f"{said}; make the baseline with --group-column {name}"
