"""How `archiver crawl` gets its sites crawled: in its own process, or in several."""
