"""The environment of a sink: variables, clients of AWS, and time. Tests hand in their own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from model_monitor.outputs.notices.aws import aws_client

TIMEOUT_SECONDS = 10.0
"""How long a sink waits for a connection, and then for each answer."""


@dataclass(frozen=True, slots=True)
class Environment:
    """variables: where secrets and servers are named. aws: (service, region or None) -> client. pause: waits so many seconds
    between two attempts. timeout_seconds: as TIMEOUT_SECONDS.
    """

    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)
    aws: Callable[[str, str | None], Any] = aws_client
    pause: Callable[[float], None] = time.sleep
    timeout_seconds: float = TIMEOUT_SECONDS

    def variable(self, name: str) -> str | None:
        """The variable's text, None if it is absent or blank."""
        return self.variables.get(name, "").strip() or None
