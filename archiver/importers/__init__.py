"""Imports of captures that others made: from WARC, ARC and WACZ files, and from web archives."""
