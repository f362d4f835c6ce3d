"""Reads what the user configures for sites: archiver.toml, lists of sites to add, and the effective settings of each
site.
"""
