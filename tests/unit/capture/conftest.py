"""A writer whose records say of each request what they can."""

import pytest

from spark_model_monitor.capture import CaptureWriter, LocalFolder

from .capturing import options


@pytest.fixture
def writer(tmp_path):
    with CaptureWriter(LocalFolder(tmp_path), options(with_metadata=True)) as capture_writer:
        yield capture_writer
