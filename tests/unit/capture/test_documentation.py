from dataclasses import fields
from pathlib import Path

from spark_model_monitor.capture import CaptureLimits, CaptureOptions

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "capture.md").read_text(encoding="utf-8")


def test_every_option_and_limit_is_documented():
    named = [field.name for kind in (CaptureOptions, CaptureLimits) for field in fields(kind) if field.init]

    assert [name for name in named if f"`{name}`" not in PAGE] == []
