"""The part of a site model that is stored: what earlier runs have learned of the site, and what a person has set."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from archiver.discovery import soft_404
from archiver.discovery.soft_404 import SoftNotFoundProfile
from archiver.learning.site_model import SiteModel
from archiver.model.urls import Scope
from archiver.sites.page_objects import PageObjects
from archiver.storage import Database
from archiver.storage.page_forms import stored_verdicts
from archiver.storage.pages import stamp
from archiver.storage.sources import has_list_dates
from archiver.storage.stored_rules import rules_valid_at


def read_site_model(
    db: Database,
    site: Mapping[str, Any],
    page_objects: PageObjects,
    now: datetime,
    revisit: timedelta,
    *,
    with_requisites: bool,
) -> SiteModel:
    """Returns the site model with which a run begins `now`. What the site shows for missing addresses is forgotten
    after the time `revisit`.
    """
    is_outdated = (site["soft_not_found_at"] or "") < stamp(now - revisit)
    return SiteModel(
        Scope(site["host"], site["path"]),
        rules_valid_at(db, site["id"]),
        stored_verdicts(db, site["id"]),
        page_objects,
        None if is_outdated else soft_404.profile_from_json(site["soft_not_found"]),
        with_requisites=with_requisites,
        with_list_dates=has_list_dates(db, site["id"]),
    )


def store_soft_not_found(db: Database, site_id: int, found: SoftNotFoundProfile, now: datetime) -> None:
    """Stores what the site shows for an address that does not exist. Expects to run inside the caller's transaction."""
    db.execute(
        "update sites set soft_not_found = ?, soft_not_found_at = ? where id = ?",
        [soft_404.profile_to_json(found), stamp(now), site_id],
    )
