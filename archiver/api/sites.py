"""Sites: their settings, tags, rules and scope, and the configuration of the archive. For the web pages, imports and
fleets.
"""

from __future__ import annotations

from archiver.sites.config import Serve, effective_settings, load_config
from archiver.sites.crawler_identity import delay_for
from archiver.sites.site_settings import SITE_SETTINGS
from archiver.storage.scheduled_sites import cadence_of, scheduled_site
from archiver.storage.sites import SiteLookup, SiteScope, add_site, find_site, list_sites, read_mute, tags_of_sites
from archiver.storage.stored_rules import rule_versions, rules_valid_at

__all__ = [
    "SITE_SETTINGS",
    "Serve",
    "SiteLookup",
    "SiteScope",
    "add_site",
    "cadence_of",
    "delay_for",
    "effective_settings",
    "find_site",
    "list_sites",
    "load_config",
    "read_mute",
    "rule_versions",
    "rules_valid_at",
    "scheduled_site",
    "tags_of_sites",
]
