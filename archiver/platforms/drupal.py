"""The selectors for Drupal 7 to 11: Bartik, Olivero, Claro-based and field-based themes."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
    name="drupal",
    generator=r"^drupal\b",
    marks=(
        "body.page-node",
        "[data-drupal-selector]",
        "link[href*='/sites/default/files/']",
        "script[src*='/core/misc/drupal']",
    ),
    title=(
        "h1.page-title",
        "h1#page-title",
        "h1.title#page-title",
        "h1.title",
        "h1.node__title",
        "h1.node-title",
        ".field--name-title",
        "main h1",
        "h1",
    ),
    body=(
        ".node .field--name-body",
        ".field--name-body",
        ".field-name-body",
        ".node__content .text-content",
        ".node__content",
        ".node .content",
    ),
    authors=(
        ".node__author a",
        ".field--name-field-author a",
        ".field--name-field-author .field__item",
        ".field-name-field-author a",
        ".field--name-uid a",
        ".field--name-uid",
        "[rel~=author]",
        ".submitted .username",
        ".node__submitted .username",
        "[property~='schema:name']",
        ".username",
    ),
    published=(
        ".node__submitted time",
        ".field--name-created time",
        ".field--name-created",
        ".submitted time",
        ".field--name-field-date time",
        ".field--name-field-publication-date time",
        ".node time",
        ".field-name-post-date",
        ".date-display-single",
        ".node__submitted",
        ".submitted",
    ),
    categories=(
        ".field--name-field-category a",
        ".field--name-field-categories a",
        ".field--name-field-section a",
        ".field-name-field-category a",
    ),
    tags=(".field--name-field-tags a", ".field-name-field-tags a", ".field--name-taxonomy-vocabulary a"),
    post=("article.node", ".node", "article"),
    drop=(".node__links", ".links.inline", ".field--name-comment", ".submitted", ".node__submitted", ".node__meta"),
    kinds=(
        (
            r"(page-)?node-type-(article|blog|blog-post|news|story|post|press-release|noticia|actualite)",
            PageKind.POST,
            "node-type",
        ),
        (r"path-frontpage|front|page-taxonomy.*|path-taxonomy|page-search", PageKind.LISTING, "listing"),
        (r"(page-)?node-type-(page|landing-page|basic-page|webform)", PageKind.PAGE, "node-type"),
    ),
    feeds=("rss.xml",),
    sitemaps=("sitemap.xml",),
)
