"""Reading captures that others made into the archive: files of records in, articles with their past out."""
