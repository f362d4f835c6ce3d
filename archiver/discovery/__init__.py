"""Turns feeds, sitemaps, API responses, CDX lists and pages into discovered URLs with their source hints."""
