"""Writes a release: wheel, source archive, changes, bill of materials and checksums. `make release` runs it."""


class NotReleasable(Exception):
    """The release cannot be made. The message says why and what to do."""
