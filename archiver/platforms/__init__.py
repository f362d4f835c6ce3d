"""Platform tables. Each describes what all sites of one platform (WordPress, Blogger ...) have in common. The modules
that define them are found automatically.
"""

from archiver.platforms.css_and_xpath_evaluator import Index
from archiver.platforms.platform_table_and_detection import Platform, by_name, detect_platform, platform_tables

__all__ = ["Index", "Platform", "by_name", "detect_platform", "platform_tables"]
