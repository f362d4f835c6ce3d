"""Learns where a site's template has each field, and reads the site's pages with these rules."""
