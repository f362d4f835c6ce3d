"""Runs planned crawls, and what else runs in a Scrapy process. For fleets and imports. Loads Scrapy, so import it in
the process that crawls.
"""

from __future__ import annotations

from archiver.extensions.crawl_log import install_crawl_log, log_as, prepare_log_file
from archiver.extensions.crawl_progress_display import Leave, Line, Terminal
from archiver.scheduling.crawl_plans import GRACE
from archiver.scheduling.crawl_pool import CrawlProcess, run_plans
from archiver.sites.crawler_identity import contact_of, user_agent

__all__ = [
    "GRACE",
    "CrawlProcess",
    "Leave",
    "Line",
    "Terminal",
    "contact_of",
    "install_crawl_log",
    "log_as",
    "prepare_log_file",
    "run_plans",
    "user_agent",
]
