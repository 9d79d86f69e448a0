"""Bytes of states that older releases wrote: one step for each version of a kind, from its payload to the next version's.

Who changes the payload of a state raises its VERSION and writes the step from the version before:

    @upgrades("feature", 1)
    def _without_empty_parts(parameters: Parameters, payload: bytes) -> tuple[Parameters, bytes]: ...

`encoding.unpack` takes older bytes through all steps, so that a state reads the present layout only. A kind without steps has
never changed. Runs on executors and driver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from model_monitor.errors import BadState
from model_monitor.states.parts import joined, split

Parameters: TypeAlias = Mapping[str, Any]
Upgrade: TypeAlias = Callable[[Parameters, bytes], tuple[Parameters, bytes]]
"""The next version's parameters and payload of those of one version."""

UPGRADES: dict[tuple[str, int], Upgrade] = {}
"""By kind and the version that the step begins at."""


def upgrades(kind: str, version: int) -> Callable[[Upgrade], Upgrade]:
    """Decorator that enters the step from `version` of `kind` to the next one."""

    def enter(upgrade: Upgrade) -> Upgrade:
        UPGRADES[kind, version] = upgrade
        return upgrade

    return enter


def upgraded(kind: str, found: int, wanted: int, parameters: Parameters, payload: bytes) -> tuple[Parameters, bytes]:
    """Parameters and payload of version `found` as those of version `wanted`.

    Raises BadState if a later release wrote them, or none.
    """
    if found > wanted:
        raise BadState(
            f"state bytes: {kind!r} has version {found}, which a later release wrote; this release reads versions up to "
            f"{wanted}: install the later one"
        )
    for version in range(found, wanted):
        if (kind, version) not in UPGRADES:
            raise BadState(f"state bytes: {kind!r} has version {version}, which no release wrote; scan the data again")
        parameters, payload = UPGRADES[kind, version](parameters, payload)
    return parameters, payload


@upgrades("feature", 1)
def _without_empty_parts(parameters: Parameters, payload: bytes) -> tuple[Parameters, bytes]:
    """Version 1 had six places, a state or nothing in each; since then a profile has the states that there are."""
    return parameters, joined(part for part in split("feature", payload) if part)


@upgrades("outcomes", 1)
def _without_residuals(parameters: Parameters, payload: bytes) -> tuple[Parameters, bytes]:
    """Version 1 had no residuals."""
    return parameters, payload + joined([b""])
