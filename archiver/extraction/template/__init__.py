"""Learns where a site's template holds each field, and reads the site's pages by these rules."""
