"""The states that the model-quality monitor needs: one scan of outcomes."""

from __future__ import annotations

from dataclasses import replace

from model_monitor.states.outcomes import OutcomePlan
from model_monitor.states.scores import UNLIMITED


def measures_of(plan: OutcomePlan, *, as_service: bool) -> OutcomePlan:
    """The plan of the scan; to replay the service every distinct score is kept, because its bins are made of them."""
    return replace(plan, score_limit=UNLIMITED) if as_service else plan
