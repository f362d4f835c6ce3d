"""Makes `tests` a regular package, so that it takes precedence over the `tests` package that pywb installs."""
