"""What every state can do, so that a scan and a folder of states can handle them without knowing them."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol


class State(Protocol):
    """A small partial result that adds: the state of some rows + the state of others is the state of all of them.

    States are frozen values; `Type()` is the state of no rows, which adding leaves the other side as it is.
    """

    KIND: ClassVar[str]
    VERSION: ClassVar[int]
    """Of the payload's layout; older ones are read by way of upgrades.py."""

    def __add__(self, other: Any, /) -> Any:
        """The state of the rows of both, those of `self` first; BadState if they were made with unequal parameters."""

    def to_bytes(self) -> bytes:
        """The state's bytes, equal for equal states (encoding.py)."""

    @classmethod
    def from_bytes(cls, blob: bytes, /) -> Any:
        """The state that `to_bytes` wrote; BadState if the bytes are something else."""
