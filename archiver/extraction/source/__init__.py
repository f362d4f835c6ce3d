"""How bytes become text that can be parsed: encodings, double encoding, limits."""
