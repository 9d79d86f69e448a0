"""Paths and a format in, one frame with the features as columns out, and a ledger of what was read, kept and refused."""
