"""A blog published by real publishing software, crawled and compared with its source."""
