"""The Scrapy settings of archiver, polite and safe by default. `archiver crawl` and `scrapy crawl` share them."""

from __future__ import annotations

from typing import Any

from scrapy.settings import default_settings

from archiver import __version__
from archiver.politeness.robots import PRODUCT_TOKEN
from archiver.politeness.throttle import MAX_PAUSE, MAX_STRIKES

BOT_NAME = "archiver"
SPIDER_MODULES = ["archiver.spiders"]
NEWSPIDER_MODULE = "archiver.spiders"
ARCHIVE_PATH = "output/archive.db"

USER_AGENT = f"archiver/{__version__}"
ROBOTSTXT_OBEY = True
ROBOTSTXT_USER_AGENT = PRODUCT_TOKEN
DOWNLOAD_DELAY = 0.5
# Scrapy varies the delay by up to half in both directions, so it would request sooner than robots.txt or we allow.
DOWNLOAD_DELAY_JITTER = 0
BUSY_MOST_STRIKES = MAX_STRIKES
BUSY_LONGEST_PAUSE = MAX_PAUSE
# For imports from a web archive: the number of tries per request, and the seconds to wait before the second try. The
# wait doubles after each try.
PAST_TRIES = 5
PAST_WAIT = 2.0
# The time limit in seconds for a list of captures. It is long because a web archive searches millions of lines for such
# a list.
PAST_LIST_TIMEOUT = 180
CONCURRENT_REQUESTS = 16
CONCURRENT_REQUESTS_PER_DOMAIN = 1
DOWNLOADER = "archiver.extensions.download_slot_throttle.CountingDownloader"
RETRY_TIMES = 2
# The time limit in seconds for a whole response, from the DNS lookup to the last byte.
DOWNLOAD_TIMEOUT = 60
# At most this many bytes of a response are read. The limit applies to both the compressed and the decompressed size. A
# sitemap may have 50 MB, and the extraction reads 12 MB of a page.
DOWNLOAD_MAXSIZE = 64 * 1024 * 1024
PAGE_MAXSIZE = 16 * 1024 * 1024
REQUISITE_MAXSIZE = 10 * 1024 * 1024
DOWNLOAD_HEADER_MAXSIZE = 256 * 1024
# Scrapy's default resolver does not support IPv6. This one ignores DNS_TIMEOUT; DOWNLOAD_TIMEOUT includes the lookup.
TWISTED_DNS_RESOLVER = "scrapy.resolver.CachingHostnameResolver"
DOWNLOAD_WARNSIZE = 0
DOWNLOAD_VERIFY_CERTIFICATES = True
# Scrapy imports a middleware even if it is disabled, and with this one requests, urllib3 and tldextract.
COOKIES_ENABLED = False
_COOKIES = "scrapy.downloadermiddlewares.cookies.CookiesMiddleware"
DOWNLOADER_MIDDLEWARES_BASE = {
    name: order for name, order in default_settings.DOWNLOADER_MIDDLEWARES_BASE.items() if name != _COOKIES
}
# Only content codings that the standard library can decode are accepted, so that anyone can read a capture.
DEFAULT_REQUEST_HEADERS = {
    "Accept": "text/html,application/xhtml+xml,application/rss+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate",
}

# The remote control and the telnet console can run code in the crawl's process, so both stay off. Scrapy imports
# disabled extensions too, and the remote control's web server costs a quarter of a second at each start, so both are
# removed from the base list.
REMOTE_CONTROL_ENABLED = False
TELNETCONSOLE_ENABLED = False
_REMOTE = {"scrapy.extensions.remote_control.RemoteControl", "scrapy.extensions.telnet.TelnetConsole"}
EXTENSIONS_BASE = {name: order for name, order in default_settings.EXTENSIONS_BASE.items() if name not in _REMOTE}
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
# Scrapy starts this many tasks to process the items of each response. One is enough, and twice as fast.
CONCURRENT_ITEMS = 1
# If this is True, Scrapy parses the source code of the callback again for each response.
WARN_ON_GENERATOR_RETURN_VALUE = False
LOG_LEVEL = "WARNING"
# Writes one line at the end of a crawl, which says what the crawl stored, and where.
LOG_SUMMARY = True
LOG_SUMMARY_LEVEL = "WARNING"

# Hands out the pages that are due; requests that do not belong to a crawl go through Scrapy's own scheduler.
SCHEDULER = "archiver.scheduler.FrontierScheduler"
# Each of these middlewares would wrap the spider's output once more. None of them is needed: the pages table records
# depth, addresses are checked before they are stored, the spider handles every status, no Referer is sent, and nothing
# asks whether a request was one of the first.
SPIDER_MIDDLEWARES: dict[str, Any] = {
    "scrapy.spidermiddlewares.start.StartSpiderMiddleware": None,
    "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": None,
    "scrapy.spidermiddlewares.referer.RefererMiddleware": None,
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
    "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
    "scrapy.spidermiddlewares.metacopy.MetaCopyDetectionMiddleware": None,
}
# Only http and https are allowed, so that no redirect can reach a file on this machine.
DOWNLOAD_HANDLERS: dict[str, Any] = {
    "http": "archiver.guarded_download_handler.GuardedHTTPHandler",
    "https": "archiver.guarded_download_handler.GuardedHTTPHandler",
    "data": None,
    "file": None,
    "ftp": None,
    "s3": None,
}
DOWNLOADER_MIDDLEWARES: dict[str, Any] = {
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "archiver.middlewares.AddressMiddleware": 50,
    "archiver.middlewares.RobotsMiddleware": 100,
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
    "archiver.middlewares.BusyMiddleware": 550,
    "archiver.middlewares.TdmRepMiddleware": 110,
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": None,
    "archiver.middlewares.PlainRedirectMiddleware": 600,
    # The spider follows meta refreshes itself, because each of them, like any redirect, is a row of the pages table.
    "scrapy.downloadermiddlewares.redirect.MetaRefreshMiddleware": None,
    "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": None,
    "archiver.middlewares.UnpackingMiddleware": 590,
    "archiver.middlewares.LimitsMiddleware": 595,
    "archiver.middlewares.CaptureMiddleware": 605,
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": None,
    "archiver.middlewares.ProxyMiddleware": 750,
}
ITEM_PIPELINES: dict[str, Any] = {
    "archiver.pipelines.ValidatePipeline": 100,
    "archiver.pipelines.StorePipeline": 900,
}
EXTENSIONS: dict[str, Any] = {
    "scrapy.extensions.logstats.LogStats": None,
    "archiver.extensions.shared_crawl_state.ArchiveExtension": 300,
    "archiver.extensions.download_slot_throttle.ThrottleExtension": 400,
    "archiver.extensions.crawl_progress_display.Progress": 500,
}
