"""Spark's side: its engine, sessions, Deequ, the launcher and the merge. Plugs in; nothing above imports it."""
