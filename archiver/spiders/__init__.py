"""Scrapy spiders: the spider that crawls a site, and what one run of it consists of."""
