"""What is true of each platform: one table a module, found automatically."""

from archiver.platforms.selector import Index
from archiver.platforms.table import Platform, by_name, detect, tables

__all__ = ["Index", "Platform", "by_name", "detect", "tables"]
