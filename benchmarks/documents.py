"""How soon is a statistics.json with the most sketches written, and read and checked? Beside Python's own json.

python benchmarks/documents.py [--quick]
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from side_by_side import QUICK_SHARE, Contestant, is_quick_run, race, report

from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.data_quality.monitor import MAX_FEATURES_WITH_SKETCHES
from spark_model_monitor.statistics.states import KllBuilder

SEED = 7
VALUES = 200_000
"""Of each sketch."""


def statistics_json(features: int) -> dict[str, Any]:
    """The document's content: numeric features, each with a sketch of its own."""
    rng = np.random.default_rng(SEED)
    return {
        "version": 0.0,
        "dataset": {"item_count": VALUES},
        "features": [_feature(f"x{column}", rng) for column in range(features)],
    }


def _feature(name: str, rng: np.random.Generator) -> dict[str, Any]:
    builder = KllBuilder()
    builder.update(rng.normal(size=VALUES))
    kll = builder.state()
    data = [level.tolist() for level in kll.levels]
    sketch = {"parameters": {"c": kll.c, "k": float(kll.k)}, "data": data}
    return {
        "name": name,
        "inferred_type": "Fractional",
        "numerical_statistics": {
            "common": {"num_present": VALUES, "num_missing": 0},
            "distribution": {"kll": {"buckets": [], "sketch": sketch}},
        },
    }


def main() -> None:
    content = statistics_json(MAX_FEATURES_WITH_SKETCHES // (QUICK_SHARE if is_quick_run(__doc__) else 1))
    text = json.dumps(content)
    document = Statistics.from_json(text)
    for title, ours, pythons in [
        ("writing", document.to_json, lambda: json.dumps(content)),
        ("reading", lambda: Statistics.from_json(text), lambda: json.loads(text)),
    ]:
        mine = Contestant(f"ours: {title}", _untold(ours))
        peer = Contestant(f"Python's json: {title}", _untold(pythons))
        race([mine, peer])
        report(f"{title} {len(content['features'])} sketches, {len(text) / 1e6:,.0f} MB", mine, [peer])


def _untold(run: Callable[[], object]) -> Callable[[], None]:
    """The same without its result, which the race would take for times of its own."""

    def running() -> None:
        run()

    return running


if __name__ == "__main__":
    main()
