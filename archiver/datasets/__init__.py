"""Datasets and exports: selects what may be published from an archive, and writes it in various formats."""
