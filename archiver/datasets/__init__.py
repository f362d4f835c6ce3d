"""Datasets: selects what may be published from an archive, and writes it."""
