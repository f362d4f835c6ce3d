"""Dates as pages write them, and where a reader sees them."""
