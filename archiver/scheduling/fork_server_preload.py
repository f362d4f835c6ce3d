"""The module that the fork server imports at its start. It imports everything that a crawl needs, except Twisted's
reactor.
"""

from __future__ import annotations

import gc
import importlib
import platform

from scrapy.settings import Settings
from scrapy.utils.misc import load_object

from archiver.model.lazy_regex import compile_lazy_regexes
from archiver.sites.page_objects import installed_page_objects

for name in (
    "scrapy.core.downloader.contextfactory",  # first, because Scrapy inspects the whole stack when it imports this
    "archiver.scheduling.crawl_pool",
    "archiver.scheduling.crawl_plans",
    "archiver.scheduling.scheduler_loop",
    "archiver.search.search_index",
    "archiver.health.notification_channels",
    # Scrapy imports these when a crawl starts.
    "scrapy.cmdline",
    "scrapy.crawler",
    "scrapy.core.engine",
    "scrapy.core.scheduler",
    "scrapy.pqueues",
    "scrapy.squeues",
    "scrapy.dupefilters",
    "scrapy.logformatter",
    "scrapy.statscollectors",
    "encodings.idna",
):
    importlib.import_module(name)
settings = Settings()
settings.setmodule("archiver.settings")
for components in ("DOWNLOADER_MIDDLEWARES", "SPIDER_MIDDLEWARES", "EXTENSIONS", "ITEM_PIPELINES"):
    for path in settings.getwithbase(components):
        load_object(path)
for handler in settings.getwithbase("DOWNLOAD_HANDLERS").values():
    if handler is not None:
        load_object(handler)
compile_lazy_regexes()
installed_page_objects()  # looks into every installed package
platform.platform()  # Scrapy logs it; the first call starts a process
# Forked processes copy the memory pages that they write to, and a garbage collection would write to all of them.
gc.freeze()
