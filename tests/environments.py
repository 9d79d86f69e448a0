"""Environments of what people use beside us, which `make nightly` makes of the pins in tests/clients; no test makes one."""

from __future__ import annotations

from pathlib import Path

from tests.at_hand import require

ROOT = Path(__file__).resolve().parents[1]


def find_client(name: str) -> Path:
    """Where `make build/clients/NAME/.made` puts the Python that has tests/clients/NAME.txt above the product."""
    return ROOT / "build" / "clients" / name / "bin" / "python"


def require_client(name: str) -> Path:
    """The Python of such an environment; the test is skipped without it."""
    python = find_client(name)
    require(python.is_file(), f"{name} is not at hand; `make build/clients/{name}/.made` makes its environment")
    return python
