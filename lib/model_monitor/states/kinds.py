"""Every type of state by its kind, and states from bytes of whatever kind. Runs on executors and driver.

A type of state enters itself by `@registered`, so nothing lists them; `model_monitor.states` imports them all.
"""

from __future__ import annotations

from typing import TypeVar

from model_monitor.errors import BadState
from model_monitor.states.encoding import kind_and_version, require_intact
from model_monitor.states.soundness import guarded
from model_monitor.states.state import State

S = TypeVar("S", bound=State)

STATES: dict[str, type[State]] = {}
"""Every type of state by its kind."""


def registered(state: type[S]) -> type[S]:
    """Class decorator that enters a type of state under its KIND. Its `from_bytes` refuses whatever is no such state.

    Raises ValueError if the kind is taken, which is a fault of its author.
    """
    if state.KIND in STATES:
        raise ValueError(f"two types of state have the kind {state.KIND!r}")
    state.from_bytes = classmethod(guarded(state.__dict__["from_bytes"].__func__))  # type: ignore[method-assign, assignment]
    STATES[state.KIND] = state
    return state


def decode(blob: bytes) -> State:
    """The state in these bytes, of whatever kind it is.

    Parameters
    ----------
    blob : bytes
        What a state's `to_bytes` wrote, such as the column `state` of `states/profile.parquet`.

    Returns
    -------
    State
        A value that adds to others of its kind.

    Raises
    ------
    BadState
        If the bytes are no state; it says what is wrong with them.

    Examples
    --------
    >>> import pandas as pd
    >>> from model_monitor import DataQualityMonitor, decode_state, run_baseline
    >>> profile = run_baseline(pd.DataFrame({"items": [1, 3]}), DataQualityMonitor()).state
    >>> decode_state(profile.to_bytes()) == profile
    True
    """
    kind, _ = kind_and_version(blob)
    if kind not in STATES:
        raise BadState(f"state bytes: {kind!r} is no kind of state here; the kinds are {', '.join(sorted(STATES))}")
    state: State = STATES[kind].from_bytes(blob)
    return state


def decode_if_known(blob: bytes) -> State | None:
    """The state in these bytes; None if only a later release can read it, which added the kind or gave it a new version.

    Raises BadState if the bytes are damaged.
    """
    kind, version = kind_and_version(blob)
    if kind in STATES and version <= STATES[kind].VERSION:
        return decode(blob)
    require_intact(blob)
    return None
