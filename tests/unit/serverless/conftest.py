"""A schedule in a folder of its own, as tests of schedules have it."""

from tests.unit.scheduling.conftest import schedule  # noqa: F401 - a fixture
