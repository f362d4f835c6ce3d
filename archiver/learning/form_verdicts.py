"""Judges the forms of a site (the templates of its pages) by all its stored pages: which are forms of posts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from archiver.articles.post_verdicts import SiteVerdicts, judge_forms
from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.extraction.page_classifier import date_slot, page_form
from archiver.learning.rejudging import RejudgingTally
from archiver.learning.stored_pages import read_response
from archiver.model.items import PageKind
from archiver.storage import Database
from archiver.storage.page_forms import SiteForms, forms_of_site, pages_without_form, store_verdicts
from archiver.storage.pages import moment
from archiver.storage.transactions import writing

_BATCH = 50


def judge_site(db: Database, site_id: int, at: datetime, *, is_complete: bool = True) -> SiteVerdicts:
    """Decides for each form of a site, from all pages of the site, whether it is a form of posts; stores these
    verdicts, and returns them. `is_complete` is True if the site has been crawled to its end.
    """
    verdicts = judge_forms(forms_of_site(db, site_id), is_complete=is_complete)
    with writing(db):
        store_verdicts(db, site_id, verdicts, at)
    return verdicts


def form_pages(db: Database, folder: Path, site_id: int, tally: RejudgingTally) -> None:
    """Determines the forms of captured pages whose form is not stored, from their captures, and stores them. Such pages
    come, for example, from an import or from a merged archive. Counts them in `tally`.
    """
    forms, pages = SiteForms(db, site_id), pages_without_form(db, site_id)
    while batch := list(islice(pages, _BATCH)):
        with writing(db), forms.restored_on_error():
            for number, url, capture_id, is_post in batch:
                found = read_response(db, folder, capture_id)
                if found is None:
                    tally.unreadable.append(f"{url}: capture {capture_id} cannot be read")
                    continue
                response, capture = found
                page = parse_page(response.body, url, response.content_type, moment(capture["captured_at"]))
                slot = date_slot(extract_page(page, None, PageKind.POST)) if is_post else 0
                forms.record(number, replace(page_form(page), date_slot=slot))
                tally.formed += 1
