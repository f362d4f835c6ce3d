#!/usr/bin/env python3
"""Build one blog with real publishing software, crawl it, change it, crawl it again, and compare.

    python bench/built_sites --list                          the sites, and what each needs
    python bench/built_sites                                 all of them (about 20 minutes, 2 GB of downloads at first)
    python bench/built_sites --only jekyll-minima --show 20  one site, with what is wrong

The software comes from the registries of Debian, Python and Node.js and is kept in the folder --cache. The blog is
posts.yaml: 30 posts in three languages, drafts and pages. Sites that cannot be built are listed with the reason.

Columns are numbers of posts: of those found, how many have the field exactly as the source. In parentheses: pages do
not show the field, but no value of it is false. whole: the body has every word of the source; clean: and no other;
code: code blocks line by line. code lines, languages (of blocks of code), list items, table cells: the shares of the
sources' that the articles' Markdown has exactly, with order, indentation, level and number; "-": pages do not have it.
plain: the requests of a crawl that follows every link (../plain_crawl.py).

"edit", "new" and "deleted": whether the second crawl, or one with --full after it, saw the change; "others revised":
articles with a new revision but no edit; "false": articles that are no post.

Exit code 0: all bars are met; 1: a bar is missed or a site could not be built; 2: wrong usage.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = HERE.parents[1] / ".venv" / "bin" / "python"
sys.path[:1] = [str(HERE.parent), str(HERE.parents[1])]  # this folder has modules named as what they build


def main() -> int:
    from built_sites.sites import BUILDERS

    parser = argparse.ArgumentParser(
        prog="python bench/built_sites", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="list the sites, and build nothing")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=sorted(BUILDERS), help="only these sites")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        default=Path.home() / ".cache" / "archiver-built-sites",
        help="where software is kept between runs (default: %(default)s)",
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the sites and archives in this new folder")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print up to N mistakes of each site")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if options.list:
        for name, builder in BUILDERS.items():
            print(f"{name:24}{builder.needs}")
        return 0
    if options.keep and options.keep.exists():
        parser.error(f"{options.keep} exists: name a new folder with --keep.")

    from built_sites.measure import measure
    from built_sites.report import print_json, print_tables

    work = options.keep or Path(tempfile.mkdtemp(prefix="bench-"))
    work.mkdir(exist_ok=True, parents=True)
    work.chmod(0o755)  # databases run as another user
    rows = {}
    try:
        for name in options.only or BUILDERS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows[name] = measure(BUILDERS[name](options.cache.absolute()), work.absolute() / name)
    finally:
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)
    return (print_json if options.json else print_tables)(rows, options.show)


if __name__ == "__main__":
    if PYTHON.exists() and Path(sys.prefix).resolve() == Path(sys.base_prefix).resolve():
        os.execv(PYTHON, [str(PYTHON), str(HERE), *sys.argv[1:]])
    sys.exit(main())
