"""The names of all options, read without the libraries that declaring them takes. Standard library only."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_DECLARED = re.compile(r"(?<=^    )\w+(?=: (?:Annotated\[$|.+ = _\w+\())|(?<=opposite=\")\w+", re.MULTILINE)


@cache
def option_names() -> tuple[str, ...]:
    """The options that `contract.py`, beside this module, declares, and what says no to its switches."""
    declared = Path(__file__).with_name("contract.py").read_text(encoding="utf-8")
    return tuple(found[0] for found in _DECLARED.finditer(declared))
