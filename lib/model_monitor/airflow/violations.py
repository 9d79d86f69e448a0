"""What becomes of a task whose job found violations."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from model_monitor.errors import BadConfiguration

Callback = Callable[[Any], Any]
"""Gets Airflow's context, with `monitoring`, the outcome, beside its members; any notifier of Airflow's is one."""


class OnViolations(str, Enum):
    """What becomes of a task whose job found violations.

    FAIL: the task fails, without a retry, since the same data has the same violations; the job ends with status 4 as by
    `--fail-on-violations`. SKIP_DOWNSTREAM: it succeeds, and the tasks right behind it are skipped. CALLBACK: the callback is
    called, then it succeeds.
    """

    SUCCEED = "succeed"
    FAIL = "fail"
    SKIP_DOWNSTREAM = "skip-downstream"
    CALLBACK = "callback"

    @classmethod
    def of(cls, text: str, callback: Callback | None) -> OnViolations:
        """The choice of this name.

        Raises BadConfiguration for another name, or if a callback and the choice to call one don't go together.
        """
        try:
            choice = cls(text)
        except ValueError:
            known = ", ".join(each.value for each in cls)
            raise BadConfiguration(f"on_violations is {text!r}; it is one of: {known}") from None
        if choice is cls.CALLBACK and callback is None:
            raise BadConfiguration("on_violations is 'callback', and there is none; write callback=notify_the_team")
        if choice is not cls.CALLBACK and callback is not None:
            raise BadConfiguration(
                f"there is a callback, and on_violations is {choice.value!r}; write 'callback' to have it called"
            )
        return choice
