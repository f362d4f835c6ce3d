"""Old captures from a web archive on the web: what of its list is fetched, and how that enters the archive."""
