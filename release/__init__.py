"""A release: wheel, source archive, what changed, bill of materials, checksums. `make release` runs it."""


class NotReleasable(Exception):
    """What stands in the way of a release, in a sentence that says what to do."""
