"""What a process that crawls has imported when it is forked (`fork`): all that a crawl takes, and no reactor."""

from __future__ import annotations

import gc
import importlib
import platform

from scrapy.settings import Settings
from scrapy.utils.misc import load_object

for name in (
    "archiver.scheduling.process_pool",
    "archiver.scheduling.crawler_process",
    "archiver.scheduling.pool_worker",
    "archiver.search.open_index",
    "archiver.health.notifications",
    # What Scrapy imports when a crawl begins.
    "scrapy.cmdline",
    "scrapy.crawler",
    "scrapy.core.engine",
    "scrapy.core.scheduler",
    "scrapy.pqueues",
    "scrapy.squeues",
    "scrapy.core.downloader.contextfactory",
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
platform.platform()  # Scrapy puts it into its log; the first time it takes a process to find out
# A process that was forked copies what it writes to, and a collection would write to all of this.
gc.freeze()
