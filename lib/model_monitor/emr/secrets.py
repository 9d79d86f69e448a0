"""Arguments that hold a secret are refused: EMR keeps the arguments of every step, and many people may read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from model_monitor.errors import BadConfiguration

_SECRET_NAME = re.compile(r"(?i)(secret|password|passwd|token|credential|access[._-]?key|private[._-]?key)")
_PROVIDERS = re.compile(r"(?i)provider$")
_ACCESS_KEY = re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b")
_WITH_SECRET_PATH = ("webhook:",)


def refuse_secrets(arguments: Sequence[str]) -> None:
    """Let arguments pass that hold no secret.

    Raises BadConfiguration naming the argument, never its value.
    """
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        following = value or (arguments[position + 1] if position + 1 < len(arguments) else "")
        what = _secret_in(argument, name, following)
        if what:
            raise BadConfiguration(
                f"argument {position + 1} ({what}) holds a secret, and EMR shows the arguments of a step to everyone who may "
                "look at it; give the role of the job the permission instead, or set a variable on the cluster"
            )


def _secret_in(argument: str, name: str, following: str) -> str | None:
    """What kind of secret an argument is; None for none."""
    if _ACCESS_KEY.search(argument):
        return "an access key"
    if any(text.startswith(_WITH_SECRET_PATH) for text in re.split("[=,]", argument)):  # one of several sinks, too
        return "the address of a webhook"
    if following and _SECRET_NAME.search(name) and not _PROVIDERS.search(name):
        return name
    password = urlsplit(argument.partition("=")[2] or argument).password if "://" in argument else None
    return "a password in a URL" if password else None
