"""WACZ 1.1.1 (Web Archive Collection Zipped): the captures of some articles as one file that any player of it opens."""
