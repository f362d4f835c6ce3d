"""Imports of captures that others made: from WARC and WACZ files, and from web archives."""
