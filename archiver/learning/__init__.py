"""What is learned of a site from its captured pages, between pages and never inside the reading of one."""
