"""Archives of every release add to a scan of today's, of the same rows."""

from dataclasses import replace

import pytest
from tests.archives.scanned import ARCHIVES, scan_states

from spark_model_monitor.reports.history.archive import from_parquet
from spark_model_monitor.statistics.states import FeatureProfile, KllSketch, Profile
from spark_model_monitor.statistics.states.outcomes import Outcomes

STATES = ("profile", "outcomes-binary", "outcomes-regression", "contingency", "requests")

LATER = {
    "date_texts",
    "ends",
    "text_lengths",
    "text_shapes",
    "repeats",
    "row_repeats",
    "words",
    "vector_moments",
    "ages",
}
"""States that no release of an archive had (decisions 62, 77)."""


@pytest.fixture(scope="module")
def fresh(spark):
    return scan_states(spark)


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda folder: folder.name)
def test_an_archive_adds_to_a_scan_of_today(archive, fresh):
    for name in STATES:
        path = archive / f"{name}.parquet"
        stored = from_parquet(path.read_bytes(), str(path))

        # as if the older release had scanned the same rows twice, and as if this one had
        for total in (stored + fresh[name], fresh[name] + stored):
            assert _gathered(total) == stored + stored == _gathered(fresh[name] + fresh[name]), name
            if name == "profile":
                lacking = {(feature.name, kind) for feature in total.features for kind in feature.lacking - LATER}
                assert lacking == {("embedding", "moments")}


def _gathered(state):
    """A state without what these archives don't have: the norms of vectors (decision 35), residuals, kinds of values."""
    if isinstance(state, Outcomes):
        return replace(state, residuals=KllSketch())
    if not isinstance(state, Profile):
        return state
    features = (
        FeatureProfile.of(
            feature.name,
            feature.column_type,
            [
                state
                for kind, state in feature.states.items()
                if (feature.name, kind) != ("embedding", "moments") and kind not in LATER
            ],
        )
        for feature in state.features
    )
    return replace(state, features=tuple(features))
