"""Captures in a model server: writes its requests and answers to files that the jobs read.

    from spark_model_monitor.capture import CaptureOptions, CaptureWriter, LocalFolder

    writer = CaptureWriter(LocalFolder("captures"), CaptureOptions(endpoint="churn"))

`asgi` and `wsgi` have middleware for servers; for other servers, use `CaptureWriter` itself. Runs in the server's process.
Needs only the standard library (and boto3 for S3), and imports no other module of this package.
"""

from __future__ import annotations

from spark_model_monitor.capture.account import CaptureCounts
from spark_model_monitor.capture.options import CaptureLimits, CaptureOptions
from spark_model_monitor.capture.outbox import Destination, LocalFolder, S3Folder
from spark_model_monitor.capture.records import Exchange, Payload
from spark_model_monitor.capture.writer import CaptureWriter

__all__ = [
    "CaptureWriter",
    "CaptureOptions",
    "CaptureLimits",
    "LocalFolder",
    "S3Folder",
    "Destination",
    "Payload",
    "Exchange",
    "CaptureCounts",
]
