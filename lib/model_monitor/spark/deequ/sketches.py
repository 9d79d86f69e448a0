"""A KLL sketch handed over to Deequ, in the two forms its analyzers take: `KLLState` and Spark's quantile digest.

Both go as bytes, in one call whatever the sketch's size. Driver only.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from model_monitor.monitors.user_checks.answers import with_extremes
from model_monitor.spark.deequ.jvm import Deequ

if TYPE_CHECKING:
    from model_monitor.statistics.states.kll import KllSketch
    from model_monitor.statistics.states.moments import Moments

COMPRESS_THRESHOLD = 10_000
"""QuantileSummaries.defaultCompressThreshold of Spark 3.5; kept by a digest, used only when values are added."""

_DIGEST = "org.apache.spark.sql.catalyst.expressions.aggregate.ApproximatePercentile"


def kll_state(deequ: Deequ, sketch: KllSketch, minimum: float, maximum: float) -> Any:
    """`sketch` as Deequ's `KLLState`, a Java object.

    minimum, maximum: of the data, exact; the sketch itself does not keep them.
    """
    return deequ["analyzers.KLLState"].fromBytes(kll_state_bytes(sketch, minimum, maximum))


def kll_state_bytes(sketch: KllSketch, minimum: float, maximum: float) -> bytes:
    """What `KLLState.fromBytes` reads: big-endian, minimum and maximum first, then the sketch's compactors.

    Source: com.amazon.deequ.analyzers.KLLState.fromBytes and catalyst.KLLSketchSerializer of Deequ 2.1.0.
    """
    items = sum(len(level) for level in sketch.levels)
    parts = [
        struct.pack(">dd", minimum, maximum),
        struct.pack(">idiii", sketch.k, sketch.c, len(sketch.levels), items, _capacity(sketch)),
        struct.pack(">i", len(sketch.levels)),
    ]
    for level, compactions, offset in zip(sketch.levels, sketch.compactions, sketch.offsets, strict=True):
        parts += [struct.pack(">iii", compactions, offset, len(level)), level.astype(">f8").tobytes()]
    return b"".join(parts)


def quantile_state(deequ: Deequ, sketch: KllSketch, moments: Moments, relative_error: float) -> Any:
    """The values' distribution as the state of Deequ's ApproxQuantile, a digest that Spark's percentiles are read from.

    The digest's samples are the sketch's items with their weights, so a quantile is off by the sketch's error in rank
    instead of the digest's own; infinities and NaN stand at the ends, as Spark orders them.
    """
    values, cumulative = with_extremes(sketch, moments)
    digest = deequ.java(_DIGEST).serializer().deserialize(_digest_bytes(values, cumulative, relative_error))
    return deequ["analyzers.ApproxQuantileState"](digest)


def _digest_bytes(values: NDArray[np.float64], weights: NDArray[np.int64], relative_error: float) -> bytes:
    """Source: ApproximatePercentile.PercentileDigestSerializer of Spark 3.5: samples of (value, weight, slack in rank)."""
    samples = np.zeros(len(values), dtype=[("value", ">f8"), ("g", ">i8"), ("delta", ">i8")])
    samples["value"], samples["g"] = values, weights
    head = struct.pack(">idqi", COMPRESS_THRESHOLD, relative_error, int(weights.sum()), len(values))
    return head + samples.tobytes()


def _capacity(sketch: KllSketch) -> int:
    """Items that a sketch of so many levels holds before it compacts. Source: QuantileNonSample.capacity of Deequ."""
    return sum(2 * (int(np.ceil(sketch.k * sketch.c**height / 2)) + 1) for height in range(len(sketch.levels)))
