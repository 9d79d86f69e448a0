"""Whether the model would decide otherwise for the sensitive group if it were its neighbours in the rest.

The only metric that is not made from counts by label: its rows have to be looked at (`monitors/bias/flip_test.py`).
"""

from __future__ import annotations

from model_monitor.monitors.bias.metrics import POST_TRAINING, Counts, FacetCounts, Undefined, both_sides


@POST_TRAINING.register("FT", description="Flip Test (FT)", requires=both_sides())
def flip_test(counts: FacetCounts) -> Counts:
    """Rows of the sensitive group that their neighbours would have rejected less those they would have accepted, as a share.

    Positive where the sensitive group is favoured: the sign of the service, opposite to its guide.
    Raises Undefined if the test could not be made.
    Source: B2.2 and B2.3.
    """
    if counts.flips is None:
        raise Undefined(counts.no_flips)
    return (counts.flips.to_negative - counts.flips.to_positive) / counts.flips.tested
