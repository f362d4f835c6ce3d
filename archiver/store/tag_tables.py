"""The table of migration m030 that holds the tags of sites."""

TAG_TABLES = (
    "create table site_tags (site_id integer not null references sites (id), tag text not null, "
    "primary key (site_id, tag)) without rowid",
    "create index idx_site_tags_tag on site_tags (tag)",
)
