"""All hints of one run, by the rules in `hints/`. Pure."""

from __future__ import annotations

from model_monitor.data_quality import hints
from model_monitor.data_quality.hints import HINTS, Seen
from model_monitor.documents.check_results import Hint
from model_monitor.registry import import_all

import_all(hints)


def all_hints(seen: Seen) -> tuple[Hint, ...]:
    """What every rule has to say, by the rules' names."""
    return tuple(hint for rule in sorted(HINTS.values(), key=lambda rule: rule.name) for hint in rule(seen))
