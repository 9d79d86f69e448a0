"""A job's configuration: every option declared once, read from flags, variables and files, and checked all at once."""
