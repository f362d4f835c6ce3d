"""Maintains an archive: verify, backup, restore, merge, re-extraction and takedown."""
