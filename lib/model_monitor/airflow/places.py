"""Where a job runs. A place starts one, finds one that an attempt before this one started, and stops it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from model_monitor.airflow.flags import words_of


@dataclass(frozen=True, slots=True)
class JobCall:
    """One run of a job.

    name: of the task's run, the same in every attempt of it, and of no other run. flags: the texts of its options.
    """

    job: str
    name: str
    flags: Mapping[str, str]

    @property
    def output_path(self) -> str:
        """Where its results go."""
        return self.flags["output_path"]

    @property
    def words(self) -> list[str]:
        """Its flags as words of a command line."""
        return words_of(self.flags)


class Running(Protocol):
    """A job that was started."""

    def wait(self) -> int | None:
        """Its exit status when it has ended, None if the place does not tell it; its log lines go to the task's log."""

    def stop(self) -> None:
        """End it, if it has not ended."""


@dataclass(frozen=True, kw_only=True)
class Place(ABC):
    """Every text in a place may be a template, since clusters are often made by the task before.

    spark_options: words for spark-submit, `("--executor-memory", "4g")`. aws_conn_id: Airflow's connection for results on S3.
    """

    spark_options: tuple[str, ...] = ()
    aws_conn_id: str | None = "aws_default"

    def rendered(self, render: Callable[[Any], Any]) -> Place:
        """The place with its templates filled in."""
        return replace(self, **{field.name: render(getattr(self, field.name)) for field in fields(self) if field.init})

    def find(self, call: JobCall) -> Running | None:
        """The run of this call that an attempt before this one started and that has not ended; None if there is none, or if
        runs end with the attempt.
        """
        return None

    @abstractmethod
    def begin(self, call: JobCall) -> Running:
        """Start the job.

        Raises BadConfiguration if it can't be started as it is told, another MonitorError if the place refuses it.
        """
