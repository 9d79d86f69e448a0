"""What plugs in at the edge is there, by the names that the floors before it ask for."""

from __future__ import annotations

import re
from importlib.util import find_spec

from tests.floors import modules

from model_monitor import spark
from model_monitor.plugins import PLUGINS
from model_monitor.spark import PLACES

ASKED = re.compile(r"(?:plugin\(\"spark\"\)|\bedge)\.(\w+)")
"""As it is asked: at once, or by the name `edge`."""


def test_every_plugin_is_a_module():
    assert [name for name, module in PLUGINS.items() if find_spec(module) is None] == []


def test_what_is_asked_of_spark_is_what_plugs_in():
    asked = {name for path in modules().values() for name in ASKED.findall(path.read_text(encoding="utf-8"))}
    offered = {name for names in PLACES.values() for name in names}

    assert asked == offered


def test_spark_offers_names_that_its_modules_have():
    assert [name for names in PLACES.values() for name in names if not hasattr(spark, name)] == []
