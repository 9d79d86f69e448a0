"""A session that knows tables by their names only, as Unity Catalog's does: their paths are refused."""

from __future__ import annotations

import re

PATH_IN_SQL = re.compile(r"(delta|iceberg|parquet)\s*\.\s*`|DESCRIBE\s+DETAIL", re.IGNORECASE)


class PathRefused(Exception):
    """A table was asked for by the path of its files."""


def reject_paths(monkeypatch, spark):
    """Have the session, and those that jobs make of it, raise for a path of a table until the test ends."""
    reader_type = type(spark.read)

    def reject_load(self, path=None, **options):
        raise PathRefused(f"load({path!r})")

    def require_names(function):
        def check_and_call(self, text, *arguments, **named):
            if PATH_IN_SQL.search(text):
                raise PathRefused(text)
            return function(self, text, *arguments, **named)

        return check_and_call

    monkeypatch.setattr(reader_type, "load", reject_load)
    monkeypatch.setattr(reader_type, "table", require_names(reader_type.table))
    monkeypatch.setattr(type(spark), "sql", require_names(type(spark).sql))
    monkeypatch.setattr(type(spark), "table", require_names(type(spark).table))
