"""Positions and places in every form they are written in."""
