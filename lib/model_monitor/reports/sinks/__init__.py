"""Sinks: where a monitoring run says what it found. Each is one registered function in a file of its own. Driver only.

A sink is a function of (report, target, environment): `Report` is all that it may say, target is the text behind its name in
`--sink NAME:TARGET`, `Environment` is what it may use. It raises `SinkFailed` if the report did not arrive; texts of its errors
never hold a secret, nor a URL's path, which may be one. Facts beside each:

spelling: how `--sink` names it, with a word for the target.
examined: the target as it will be used; raises ValueError with what to write instead.
ready: called before any data is read; raises BadConfiguration for what is missing (a variable, a library, a region).
every_run: True for series of numbers, which have a point for every run; False for messages, which are sent when the alert
changes unless `--every` asks for more.
adds_up: True if the same numbers sent twice count twice, so that a rerun must not send them again.
"""

from __future__ import annotations

from collections.abc import Callable

from model_monitor.registry import Registry
from model_monitor.reports.notices.environment import Environment
from model_monitor.reports.notices.messages import Report

Sink = Callable[[Report, str, Environment], None]

SINKS: Registry[Sink] = Registry("sink")
