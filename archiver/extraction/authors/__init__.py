"""Finds the authors of a post, and the outlets that it credits."""
