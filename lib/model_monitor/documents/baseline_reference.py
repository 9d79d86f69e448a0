"""baseline.json: what a monitoring run was held against, so that its numbers can be derived again.

Ours. Either a run, whose folder never changes, or the files that were named. Driver only, pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from model_monitor.documents.document import Document
from model_monitor.documents.values import Name, Number


class BaselineReference(Document):
    """baseline.json. run_id, folder: of a run, the folder below `_runs/`. constraints, statistics: of a baseline that was read
    from files. Paths are whole ones.
    """

    FILE_NAME: ClassVar[str] = "baseline.json"
    MEANT: ClassVar[str] = "baseline.json of a monitoring run"
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "violations": "a constraint_violations.json",
        "monitoring_config": "a constraints.json",
        "dataset": "a statistics.json",
    }

    version: Number = Field(default=0.0)
    run_id: Name | None = None
    folder: Name | None = None
    constraints: Name | None = None
    statistics: Name | None = None
