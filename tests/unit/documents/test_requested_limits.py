"""The rule by which a limit is a baseline's suggestion, or a person's request."""

import pytest

from spark_model_monitor.documents.document import is_suggested


@pytest.mark.parametrize(
    ("limit", "requested_limits", "expected"),
    [
        pytest.param(0.5, [], True, id="the suggested value"),
        pytest.param(0.6, [], False, id="another value"),
        pytest.param(0.5, ["recall"], False, id="the suggested value, on which a person insists"),
        pytest.param(0.5, ["precision"], True, id="another limit is the requested one"),
        pytest.param(None, [], False, id="no limit"),
    ],
)
def test_a_limit_is_suggested_if_it_equals_a_suggestion_and_nobody_insists(limit, requested_limits, expected):
    assert is_suggested("recall", limit, [0.4, 0.5], requested_limits) is expected
