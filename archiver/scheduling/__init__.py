"""How `archiver schedule` runs what is due: each crawl in a process of its own."""
