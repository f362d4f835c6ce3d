"""What is true of each platform: one table a module, found automatically."""

from archiver.platforms.platform_table import Platform, by_name, detect, tables
from archiver.platforms.selectors import Index

__all__ = ["Index", "Platform", "by_name", "detect", "tables"]
