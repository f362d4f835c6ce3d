"""The sites that are built, in the order of their tables."""

from __future__ import annotations

from built_sites.astro import Astro
from built_sites.builder import Builder
from built_sites.docusaurus import Docusaurus
from built_sites.eleventy import Eleventy
from built_sites.hexo import HexoLandscape, HexoNext
from built_sites.hugo import HugoAnanke, HugoPaperMod, HugoStack
from built_sites.jekyll import JekyllMinima
from built_sites.mkdocs import MkDocsMaterial
from built_sites.nikola import Nikola
from built_sites.pelican import PelicanNotMyIdea, PelicanShortFeed, PelicanSimple
from built_sites.single_page import SinglePage, SinglePageWithFeed, SinglePageWithSitemap
from built_sites.wordpress import (
    WordPressClassic,
    WordPressColumns,
    WordPressTwentyTwentyFive,
    WordPressTwentyTwentyFour,
)

BUILDERS: dict[str, type[Builder]] = {
    builder.name: builder
    for builder in (
        HugoPaperMod,
        HugoStack,
        HugoAnanke,
        JekyllMinima,
        PelicanNotMyIdea,
        PelicanShortFeed,
        PelicanSimple,
        Nikola,
        MkDocsMaterial,
        HexoLandscape,
        HexoNext,
        Eleventy,
        Astro,
        Docusaurus,
        WordPressTwentyTwentyFive,
        WordPressTwentyTwentyFour,
        WordPressClassic,
        WordPressColumns,
        SinglePageWithFeed,
        SinglePage,
        SinglePageWithSitemap,
    )
}
