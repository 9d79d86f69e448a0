"""Whether a baseline suggested a limit, or a person requested it: one rule for all documents of constraints. Pure.

A suggested limit allows for noise, a requested one decides alone. A limit is suggested if it equals what the baseline's
statistics suggest, and no `requested_limits` names it. New baselines of ours have this list. It is empty unless a flag or
a setting gave a limit; a person who insists on a suggested value adds its name. The service's documents have no list.
"""

from __future__ import annotations

from collections.abc import Collection


def is_suggested(
    name: str, limit: float | None, suggestions: Collection[float], requested_limits: Collection[str]
) -> bool:
    """Whether the limit called `name` is one of the `suggestions`, and the document doesn't list it as requested."""
    return name not in requested_limits and limit in suggestions
