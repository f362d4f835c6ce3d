"""Simulates a month of six blogs, with faults put in one at a time: `python -m tests.month`."""
