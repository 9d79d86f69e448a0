"""A request to S3 as the server's side sees it: what it is about, and what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RecordedRequest:
    """One request, whatever became of it. headers: by their names in small letters."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def is_listing(self) -> bool:
        """Whether it asks which objects there are."""
        return self.method == "GET" and not self.key and "delete" not in self.query

    @property
    def permission(self) -> str:
        """What its sender has to be allowed. Source: Amazon S3 user guide, "Required permissions for API operations"."""
        if self.is_listing or (not self.key and self.method == "HEAD"):
            return "s3:ListBucket"
        if self.gives_an_upload_up:
            return "s3:AbortMultipartUpload"
        if self.method == "DELETE" or "delete" in self.query:
            return "s3:DeleteObject"
        if self.method in ("GET", "HEAD"):
            return "s3:GetObject"
        return "s3:PutObject"

    @property
    def gives_an_upload_up(self) -> bool:
        """Whether it ends an upload in parts without an object."""
        return self.method == "DELETE" and "uploadId" in self.query

    @property
    def makes_an_object(self) -> bool:
        """Whether it puts, copies, or begins to upload an object in parts; the parts themselves have the upload's settings."""
        return (self.method == "PUT" and bool(self.key) and "uploadId" not in self.query) or (
            self.method == "POST" and "uploads" in self.query
        )
