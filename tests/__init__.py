"""A package of its own, so that it goes before the `tests` that pywb installs beside itself."""
