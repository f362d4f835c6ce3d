"""Tables of what the sites of one platform have in common: one module each, found automatically."""

from archiver.platforms.platform_table import Platform, by_name, detect, tables
from archiver.platforms.selector_index import Index

__all__ = ["Index", "Platform", "by_name", "detect", "tables"]
