"""Decides which pages are fetched next, and when they are fetched again. All functions are pure."""
