"""WARC files and their CDXJ indexes: writes those of the archive, and reads those of other programs."""
