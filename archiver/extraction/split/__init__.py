"""Addresses and words of posts that are split over several pages."""
