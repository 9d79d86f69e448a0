"""The end of a run by its outcome: the message, and a status of its own where one was asked for."""

import pytest

from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.running.configuration.option_types import FailOn
from spark_model_monitor.running.runtime.ending import exit_status
from spark_model_monitor.running.runtime.status import CANNOT_TELL, completed, is_completed


@pytest.mark.parametrize(
    ("outcome", "fail_on", "status"),
    [
        *((outcome, None, 0) for outcome in (*Outcome, None)),
        (Outcome.CHANGED, FailOn.VIOLATIONS, 4),
        (Outcome.CANNOT_TELL, FailOn.VIOLATIONS, 0),
        (Outcome.CHANGED, FailOn.CANNOT_TELL, 4),
        (Outcome.CANNOT_TELL, FailOn.CANNOT_TELL, 5),
        (Outcome.UNCHANGED, FailOn.CANNOT_TELL, 0),
        (None, FailOn.CANNOT_TELL, 0),
    ],
)
def test_an_outcome_has_a_status_of_its_own_only_where_it_was_asked_for(outcome, fail_on, status):
    assert exit_status(outcome, fail_on) == status


def test_the_message_keeps_the_words_of_the_service_and_says_of_what_nobody_can_tell():
    message = completed(0, CANNOT_TELL.format(names="sex, island and 2 more"))

    assert message == (
        "Completed: Job completed successfully with no violations. Cannot tell whether sex, island and 2 more changed."
    )
    assert is_completed(message)
    assert is_completed(completed())
    assert not is_completed(completed(1, "sex"))
    assert completed(1, "sex") == completed(1)
    assert "\n" not in completed(0, "a\nb")
