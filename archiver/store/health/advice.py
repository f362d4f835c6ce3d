"""What to do about what is found: tables of sentences, each with the place of the site's name in it."""

from __future__ import annotations

TRY_AGAIN = ("Look at its home page; 'archiver crawl {site}' tries again, and log/crawl.log beside the archive tells "
             "more.")
OF_FAILURES = (
    ("it redirects to", "It has moved: 'archiver crawl' with the new address takes it up, and 'archiver sites set "
                        "{site} crawl=no' leaves the old one out."),
    ("no such host", "Its domain has no address any more, or the network is down: look whether it moved; 'archiver "
                     "sites set {site} crawl=no' leaves it out."),
    ("refuses it (40", "It shuts this program out: set a longer delay ('archiver sites set {site} delay=5'), or ask "
                       "its owner for leave."),
    ("answers 429", "It is asked too often: set a longer delay ('archiver sites set {site} delay=5')."),
    ("certificate", "Its owner has to mend that; nothing is read before."),
)
"""Of a run that failed, by words of its reason; the first row whose words are in it."""
OF_OUTCOMES = {
    "failed": ("failed", "'archiver status {site}' tells why; where the site is tired of this program, set a longer "
                         "delay ('archiver sites set {site} delay=5')."),
    "refused": ("were refused", "'archiver status {site}' tells by which rule; where that is its robots.txt, or a "
                                "block of this program, its owner can give leave."),
    "gone": ("were gone", "look at one of them in a browser: where it is there, the site shuts this program out, and "
                          "its owner can give leave; else its posts were taken down, or moved without a redirect."),
    "duplicate": ("led to another page", "'archiver why' tells of each to which: a post that stands at two addresses "
                                         "is stored once, but behind a login or a home page nothing is read."),
}
"""Outcomes of pages by which nothing is stored: how they are told, and what to do about many."""


def of_failure(reason: str, site: str) -> str:
    """What to do about a run that failed for this reason; "" where the reason says so itself."""
    if "cannot be crawled" not in reason:
        return ""
    return next((advice for words, advice in OF_FAILURES if words in reason), TRY_AGAIN).format(site=site)
