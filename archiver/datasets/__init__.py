"""Handing the archive on: what leaves it, and in which form."""
