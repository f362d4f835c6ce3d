"""bare_spider.py FILE: fetch all URLs of a file with Scrapy alone and keep nothing. Prints a line of JSON.

Concurrency, timeouts and download handler are those of a crawl by the archiver without delay. There is no middleware of
the archiver and no parsing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import scrapy
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response


class BareSpider(scrapy.Spider):
    name = "bare"
    pages = 0
    began = ended = 0.0

    def __init__(self, addresses: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.addresses = addresses

    async def start(self) -> AsyncIterator[scrapy.Request]:
        self.began = time.monotonic()
        for address in self.addresses:
            yield scrapy.Request(address, dont_filter=True)

    def parse(self, response: Response) -> None:
        self.pages += 1
        self.ended = time.monotonic()


def main() -> None:
    process = AsyncCrawlerProcess(
        {
            "LOG_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 4,
            "CONCURRENT_ITEMS": 1,
            "HTTPERROR_ALLOW_ALL": True,
            "DOWNLOAD_DELAY": 0,
            "RETRY_ENABLED": False,
            "ROBOTSTXT_OBEY": False,
        }
    )
    crawler = process.create_crawler(BareSpider)
    process.crawl(crawler, addresses=Path(sys.argv[1]).read_text(encoding="utf-8").split())
    process.start()
    spider = crawler.spider
    assert isinstance(spider, BareSpider)
    seconds = max(spider.ended - spider.began, 1e-9)
    print(
        json.dumps(
            {"pages": spider.pages, "seconds": round(seconds, 3), "pages_per_second": round(spider.pages / seconds, 1)}
        )
    )


main()
