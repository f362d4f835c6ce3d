"""Scrapy extensions: the state of a crawl, its throttle, its progress and its log."""
