"""Datasets and exports: what is published from the archive, and in which formats."""
