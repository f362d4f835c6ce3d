"""The tables of migration m030 that hold what was found of the health of sites, and who was told of it."""

HEALTH_TABLES = (
    # How a site does, as it was judged last; `since` is when that state began. `accepted` (JSON) names findings that a
    # person has taken note of, with the time: they are not told any more, unless they pass and come again.
    "create table health (site_id integer primary key references sites (id), state text not null, since text not null, "
    "judged_at text not null, findings text not null default '[]', accepted text not null default '{}')",
    # One row a message by one way: what changed (JSON), and what came of telling it.
    "create table notices (id integer primary key, at text not null, channel text not null, changes text not null, "
    "outcome text not null default 'due', reason text not null default '', attempts integer not null default 0, "
    "sent_at text)",
)
