"""A demonstration blog to crawl and to use in tests: about 30 made-up posts, served on the loopback interface."""
