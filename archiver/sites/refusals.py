"""What is wrong with archiver.toml."""

from __future__ import annotations

from archiver.errors import ArchiverError


class BadConfig(ArchiverError):
    def __init__(self, path: str, where: str, why: str) -> None:
        super().__init__(path, f"{path} cannot be used: {where}: {why}.")
