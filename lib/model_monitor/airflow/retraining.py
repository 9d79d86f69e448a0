"""What comes after an alert: going on only if there is one, not again too soon, and having a new baseline count in the end."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, SkipMixin
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from model_monitor.airflow.flags import moment, window_of
from model_monitor.airflow.places import LocalProcess
from model_monitor.data.records.windows import duration, parse_time
from model_monitor.errors import BadConfiguration
from model_monitor.running.runtime.status import ExitStatus

log = logging.getLogger(__name__)

IN_ALERT = "InAlert"
LET_THROUGH = "let_through"
"""Key of the XCom with the time for which this task let the ones behind it run; the next runs ask for it."""

_PROMOTED = re.compile(r": version (?P<version>\S+) counts, run (?P<run_id>\S+)$")


class AlertGateOperator(BaseOperator, SkipMixin):
    """Lets the tasks right behind it run if there is an alert, and none was let through within the cool-down; else skips them.

    alert: `OK` or `InAlert`, a template such as `{{ ti.xcom_pull('monitor')['alert'] }}`; how many of how many windows that takes
    is `datapoints_to_alert` and `evaluation_period` of the monitoring job. cool_down: by the times of the DAG runs, not by the
    clock, so that a backfill decides as the runs would have then. What was let through counts whatever came of it: a retraining
    that failed is not tried again every hour.

    Gives whether it let through.
    """

    template_fields: Sequence[str] = ("alert",)
    ui_color = "#fff4e0"

    def __init__(self, *, alert: str, cool_down: timedelta, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alert = alert
        self.cool_down = cool_down

    def execute(self, context: Any) -> bool | None:
        now = window_of(context).end
        before = context["ti"].xcom_pull(task_ids=self.task_id, key=LET_THROUGH, include_prior_dates=True)
        reason = reason_to_stop(self.alert, now, before, self.cool_down)
        if reason is None:
            context["ti"].xcom_push(key=LET_THROUGH, value=moment(now))
            return True
        log.info("nothing is let through: %s", reason)
        behind = context["task"].get_direct_relatives(upstream=False)
        self.skip(context["ti"], [task for task in behind if not task.is_teardown])
        return False


def reason_to_stop(alert: str, now: datetime, before: str | None, cool_down: timedelta) -> str | None:
    """Why nothing is let through; None if it is. before: the time of the last run that was, None if none was."""
    if alert != IN_ALERT:
        return f"the alert is {alert}"
    last = None if before is None else parse_time(before)
    if last is not None and now - last < cool_down:
        return f"the last time was {before}, and the cool-down is {duration(cool_down)}"
    return None


class PromoteOperator(BaseOperator):
    """Has a run count as the baseline from now on, as a version of the model, by `model-monitor promote`.

    run: output path of the baselining job. model_version: such as `{{ ts_nodash }}`. baselines: the folder of versions, which
    monitors name as their baseline. python: the interpreter that has our package. replace: whether the version may be there
    already as another run. A retry promotes the same run again, which changes nothing.

    Gives model_version, run_id and baselines.
    """

    template_fields: Sequence[str] = ("run", "model_version", "baselines", "python")
    ui_color = "#e6f4ea"

    def __init__(
        self,
        *,
        run: str,
        model_version: str,
        baselines: str,
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
        replace: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.model_version = model_version
        self.baselines = baselines
        self.python = python
        self.environment = environment or {}
        self.replace = replace
        self._running: LocalProcess | None = None

    def execute(self, context: Any) -> dict[str, str]:
        words = ["promote", self.run, "--model-version", self.model_version, "--to", self.baselines]
        command = [self.python, "-m", "model_monitor.cli", *words, *(["--replace"] if self.replace else [])]
        try:
            self._running = LocalProcess(command, self.environment)
        except BadConfiguration as fault:
            raise AirflowFailException(f"Error: {fault}") from fault
        status = self._running.wait()
        said = self._running.lines[-1] if self._running.lines else "it said nothing"
        promoted = _PROMOTED.search(said)
        if status == ExitStatus.BAD_CONFIGURATION:
            raise AirflowFailException(said)
        if status or promoted is None:
            raise AirflowException(f"the promotion failed: {said} (exit status {status})")
        return {
            "model_version": promoted["version"],
            "run_id": promoted["run_id"],
            "baselines": self.baselines,
        }

    def on_kill(self) -> None:
        """End the command with the task."""
        if self._running is not None:
            self._running.stop()
