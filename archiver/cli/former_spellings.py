"""The options and commands that the last version had, and what to use instead. A row stays for one version."""

from __future__ import annotations

FORMER: dict[str, str] = {
    "backup --keep": "There is one backup at FILE. Name another FILE for each backup that you want to keep.",
    "vacuum": "'sqlite3 ARCHIVE vacuum' compacts an archive while no crawl is running.",
    "verify --reread": "'archiver reextract --dry-run' shows what today's extraction would change.",
    "publish --ngrams": "Count n-grams from the column body of the texts that are published in full.",
    "publish --push": "Upload the files of DIR with the page or the own program of the repository (docs/datasets.md).",
    "publish --publish-now": "Upload the files of DIR with the page or the own program of the repository.",
    "publish --dry-run": "'archiver publish --check DIR' checks a dataset before it is uploaded.",
    "publish --wacz": "'archiver export QUERY --wacz FILE' writes the captures into a package next to the dataset.",
    "export --title": "A WACZ file is named after its file.",
    "search --concordance": "Snippets show words in context; 'archiver export QUERY -f jsonl' writes the whole texts.",
    "search --width": "Snippets show words in context; 'archiver export QUERY -f jsonl' writes the whole texts.",
    "search --shards": "'archiver merge' and 'archiver fleet collect' make one archive of several, to search together.",
    "search --trend": "In 'archiver search TERM --all --histogram year --csv', the share is articles / archived.",
    "search --by": "The period of a histogram is written --histogram month.",
    "searches digest": "'archiver searches run NAME' prints new results, and with --atom FILE writes them as a feed.",
    "search --stem": "The beginning of a word finds its other forms: 'report*'.",
    "export --stem": "The beginning of a word finds its other forms: 'report*'.",
    "feed --stem": "The beginning of a word finds its other forms: 'report*'.",
    "publish --stem": "The beginning of a word finds its other forms: 'report*'.",
    "search --recent": "'--sort -date' puts the newest first, and --since leaves out what is older.",
    "feed --format": "A feed is written as Atom, which every feed reader takes.",
    "feed -f": "A feed is written as Atom, which every feed reader takes.",
    "fleet import": "'archiver import FILE... --workers N' imports into an archive on one machine.",
    "fleet reextract": "'archiver fleet collect' makes one archive of the shards, for 'archiver reextract'.",
    "diff --html": "'archiver serve' shows the comparison as a page, to print: /article/ID/diff.",
    "search --plot": "'archiver serve' draws a histogram; --histogram with --csv or --json prints its numbers.",
    "schedule --systemd": "'archiver schedule --print systemd > archiver.service' prints the unit.",
    "schedule --cron": "'archiver schedule --print cron' prints the crontab.",
    "schedule --docker": "'archiver schedule --print docker > compose.yaml' prints the compose file.",
    "schedule --monitoring": "'archiver schedule --print alerts > archiver.rules.yml' prints the alert rules.",
    "schedule --output": "'archiver schedule --print systemd > FILE' writes a file.",
    "schedule -o": "'archiver schedule --print systemd > FILE' writes a file.",
}
"""Maps a command, a subcommand, or a command with an option to a sentence that names the new way."""


def advise_on_former(command: str, word: str) -> str:
    """Returns a sentence for an option or subcommand that `command` had in the last version; "" if it had none such."""
    advice = FORMER.get(f"{command} {word.partition('=')[0]}")
    return f"'archiver {command}' has no {word.partition('=')[0]} any more. {advice}" if advice else ""
