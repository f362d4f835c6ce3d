"""What holds for a site in the end: its own settings, then those of its groups, then those of all sites."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlite_utils import Database

from archiver.sites.config import Config, load_config
from archiver.store.shapes import settings_of
from archiver.store.tags import tags_of_sites

Settings = Callable[[dict[str, Any]], dict[str, Any]]
"""From a row of `sites` to the settings that hold for it."""


def settings_in(db: Database, config: Config | None = None) -> Settings:
    """For the sites of an archive, as `config` (without one: archiver.toml) says. Raises what `load_config` does."""
    told = config or load_config()
    tags = tags_of_sites(db) if told.groups else {}

    def settings(site: dict[str, Any]) -> dict[str, Any]:
        return told.settings(settings_of(site["settings"]), tags.get(site["id"], ()))

    return settings
