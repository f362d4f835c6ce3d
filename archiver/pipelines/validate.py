"""The first pipeline: no value that cannot be true enters the archive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archiver.items import Visit
from archiver.record.validate import validated


class ValidatePipeline:
    """Cleans the article of a visit by `record.validate`; what was dropped is said in the visit's reason."""

    def process_item(self, item: Any) -> Any:
        if not isinstance(item, Visit) or item.article is None:
            return item
        article, problems = validated(item.article, item.at)
        return replace(item, article=article, reason="; ".join(filter(None, (item.reason, *problems))))
