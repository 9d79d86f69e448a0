"""Files that the service's Clarify container writes. Driver only, pure."""

from __future__ import annotations

import json

from model_monitor.documents.document import Document


class ClarifyDocument(Document):
    """A file that the service's Clarify container writes."""

    def to_json(self) -> str:
        """The file's text, as Python's json module writes it with an indent of 4."""
        return json.dumps(self.plain(), indent=4, allow_nan=False)
