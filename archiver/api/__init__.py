"""What the packages (`web`, `datasets`, `importers`, `fleet`) use of the core: a file a subject, which gathers names
and does nothing itself. Other programs use `archiver.Archive`, `archiver.extract` and `archiver.Article`: these are
stable, and the names here may change with any release.
"""
