"""Scrapy settings: polite and safe by default. The crawl command and `scrapy crawl` share them."""

from __future__ import annotations

from typing import Any

from scrapy.settings import default_settings

from archiver import __version__
from archiver.politeness.robots import PRODUCT_TOKEN
from archiver.politeness.throttle import LONGEST_PAUSE, MOST_STRIKES

BOT_NAME = "archiver"
SPIDER_MODULES = ["archiver.spiders"]
NEWSPIDER_MODULE = "archiver.spiders"
ARCHIVE_PATH = "output/archive.db"

USER_AGENT = f"archiver/{__version__}"
ROBOTSTXT_OBEY = True
ROBOTSTXT_USER_AGENT = PRODUCT_TOKEN
DOWNLOAD_DELAY = 0.5
# The delay is a promise: Scrapy would vary it by half of it to either side, and ask sooner than it or robots.txt says.
DOWNLOAD_DELAY_JITTER = 0
BUSY_MOST_STRIKES = MOST_STRIKES
BUSY_LONGEST_PAUSE = LONGEST_PAUSE
# An import from a web archive: how often one thing is asked for, and seconds before the second time; the wait doubles.
PAST_TRIES = 5
PAST_WAIT = 2.0
# Seconds for an answer with a list: a web archive looks through millions of lines for it.
PAST_LIST_TIMEOUT = 180
CONCURRENT_REQUESTS = 16
CONCURRENT_REQUESTS_PER_DOMAIN = 1
RETRY_TIMES = 2
# Seconds for the whole of an answer, from the look-up of the name to the last byte.
DOWNLOAD_TIMEOUT = 60
# Bytes on the wire, and again unpacked. A sitemap may have 50 MB; of a page 12 MB are read.
DOWNLOAD_MAXSIZE = 64 * 1024 * 1024
PAGE_MAXSIZE = 16 * 1024 * 1024
REQUISITE_MAXSIZE = 10 * 1024 * 1024
DOWNLOAD_HEADER_MAXSIZE = 256 * 1024
# Scrapy's default resolver knows no IPv6. This one has no DNS_TIMEOUT: DOWNLOAD_TIMEOUT counts from the look-up on.
TWISTED_DNS_RESOLVER = "scrapy.resolver.CachingHostnameResolver"
DOWNLOAD_WARNSIZE = 0
DOWNLOAD_VERIFY_CERTIFICATES = True
COOKIES_ENABLED = False
# Codings that the standard library can undo, so that a capture can be read by anyone.
DEFAULT_REQUEST_HEADERS = {
    "Accept": "text/html,application/xhtml+xml,application/rss+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate",
}

# The remote control can run code in the crawl's process, the telnet console too: both stay off. Scrapy loads what is
# switched off as well, and the one brings a web server, a quarter of a second of each start: so they are taken out.
REMOTE_CONTROL_ENABLED = False
TELNETCONSOLE_ENABLED = False
_REMOTE = {"scrapy.extensions.remote_control.RemoteControl", "scrapy.extensions.telnet.TelnetConsole"}
EXTENSIONS_BASE = {name: order for name, order in default_settings.EXTENSIONS_BASE.items() if name not in _REMOTE}
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
# Scrapy starts as many tasks for each response's items as this: one is enough, and twice as fast.
CONCURRENT_ITEMS = 1
# For each answer Scrapy would read the source of its callback once more.
WARN_ON_GENERATOR_RETURN_VALUE = False
LOG_LEVEL = "WARNING"

# Hands out what is due in the pages table; requests that are none of a crawl's go through Scrapy's own.
SCHEDULER = "archiver.scheduler.FrontierScheduler"
# Each one wraps what the spider hands on once more, and the ledger does what they do: it knows what follows on what,
# addresses are bounded before they are entered, every status is an answer, and no server need know who led to a page.
SPIDER_MIDDLEWARES: dict[str, Any] = {
    "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": None,
    "scrapy.spidermiddlewares.referer.RefererMiddleware": None,
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
    "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
    "scrapy.spidermiddlewares.metacopy.MetaCopyDetectionMiddleware": None,
}
# Nothing but the web: no redirect can lead to a file of this machine.
DOWNLOAD_HANDLERS: dict[str, Any] = {
    "http": "archiver.handlers.http_handler.GuardedHTTPHandler",
    "https": "archiver.handlers.http_handler.GuardedHTTPHandler",
    "data": None,
    "file": None,
    "ftp": None,
    "s3": None,
}
DOWNLOADER_MIDDLEWARES: dict[str, Any] = {
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "archiver.middlewares.address_filter.AddressMiddleware": 50,
    "archiver.middlewares.host_files.RobotsMiddleware": 100,
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
    "archiver.middlewares.retry.BusyMiddleware": 550,
    "archiver.middlewares.host_files.TdmRepMiddleware": 110,
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": None,
    "archiver.middlewares.host_files.PlainRedirectMiddleware": 600,
    # The spider reads meta refreshes itself: like any redirect, each is a row of the pages table.
    "scrapy.downloadermiddlewares.redirect.MetaRefreshMiddleware": None,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": None,
    "archiver.middlewares.response_body.UnpackingMiddleware": 590,
    "archiver.middlewares.response_body.LimitsMiddleware": 595,
    "archiver.middlewares.warc_capture.CaptureMiddleware": 605,
}
ITEM_PIPELINES: dict[str, Any] = {
    "archiver.pipelines.store.ValidatePipeline": 100,
    "archiver.pipelines.store.IdentifyPipeline": 300,
    "archiver.pipelines.store.RevisePipeline": 500,
    "archiver.pipelines.store.StorePipeline": 900,
}
EXTENSIONS: dict[str, Any] = {
    "scrapy.extensions.logstats.LogStats": None,
    "archiver.extensions.crawl_archive.ArchiveExtension": 300,
    "archiver.extensions.throttle_slots.ThrottleExtension": 400,
    "archiver.extensions.progress.Progress": 500,
}
