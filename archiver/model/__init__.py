"""The values that travel between the rooms: items and their fields, errors, addresses and words. Nothing here reads or
writes a file."""
