"""The sites that are built, in the order of their tables."""

from __future__ import annotations

from built_sites.builder import Builder
from built_sites.jekyll import JekyllMinima
from built_sites.mkdocs import MkDocsMaterial
from built_sites.nikola import Nikola
from built_sites.pelican import PelicanNotMyIdea, PelicanShortFeed, PelicanSimple

BUILDERS: dict[str, type[Builder]] = {
    builder.name: builder
    for builder in (
        JekyllMinima,
        PelicanNotMyIdea,
        PelicanShortFeed,
        PelicanSimple,
        Nikola,
        MkDocsMaterial,
    )
}
