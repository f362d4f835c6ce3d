"""The views that migration m015 makes. Released: never edited; a later step drops what it changes.

An entry of evidence without a source says only that a value was put together from several. An article that was read by
a release which did not mark the winners (`read_at` is null) has a row a value, without a source.
"""

from __future__ import annotations

import json

from archiver.fields import EVIDENCE, chosen

_KEPT_WHOLE = (*chosen("places"), *chosen("collected"))
_told = "json_extract(e.value, '$.{}')".format
_NOW = " ".join(f"when '{name}' then a.{name}" for name in EVIDENCE if name not in _KEPT_WHOLE)
_MANY = " ".join(f"when '{name}' then a.{name}" for name in _KEPT_WHOLE)
_WHOLE = f"case f.value {_NOW} {_MANY} end"
_THEN = " ".join(f"when '{name}' then json_extract(r.content, '$.{name}')" for name in EVIDENCE
                 if name not in _KEPT_WHOLE)
_APART = ", ".join(f"'{name}'" for name in reversed(_KEPT_WHOLE))

PROVENANCE_VIEWS = {
    "evidence": """
    select a.id as article_id, a.site, json_extract(e.value, '$.field') as field,
           json_extract(e.value, '$.value') as value, json_extract(e.value, '$.source') as source,
           json_extract(e.value, '$.locator') as locator, json_extract(e.value, '$.confidence') as confidence
    from articles a, json_each(a.evidence) e where json_extract(e.value, '$.source') <> ''""",
    "disagreements": f"""
    select article_id, site, field, count(distinct value) as answers, group_concat(distinct source) as sources
    from evidence where field not in ({_APART}) group by article_id, field
    having count(distinct value) > 1""",
    "provenance": f"""
    select a.id as article_id, a.site, {_told('field')} as field,
           case {_told('field')} {_NOW} else {_told('value')} end as value,
           nullif({_told('source')}, '') as source, {_told('locator')} as locator,
           {_told('confidence')} as confidence, nullif(coalesce({_told('extractor')}, a.extractor), '') as extractor,
           nullif(coalesce({_told('capture_id')}, a.capture_id), '') as capture_id,
           nullif(coalesce({_told('read_at')}, a.read_at), '') as read_at
    from articles a, json_each(a.evidence) e where {_told('won')} = 1
    union all
    select a.id, a.site, f.value, {_WHOLE}, null, null, null, a.extractor, a.capture_id, null
    from articles a, json_each('{json.dumps(EVIDENCE)}') f
    where a.read_at is null
    and coalesce({_WHOLE}, '') not in ('', '[]')
    and not exists (select 1 from json_each(a.evidence) e where {_told('won')} = 1 and {_told('field')} = f.value)""",
    "past_provenance": f"""
    select r.article_id, r.revision, {_told('field')} as field,
           case {_told('field')} {_THEN} else {_told('value')} end as value,
           nullif({_told('source')}, '') as source, {_told('locator')} as locator,
           {_told('confidence')} as confidence, nullif(coalesce({_told('extractor')}, r.extractor), '') as extractor,
           nullif(coalesce({_told('capture_id')}, r.capture_id), '') as capture_id,
           nullif(coalesce({_told('read_at')}, r.read_at), '') as read_at
    from revisions r join articles a on a.id = r.article_id and a.revision <> r.revision, json_each(r.evidence) e
    where {_told('won')} = 1""",
    "headlines": """
    select r.article_id, a.site, r.revision, r.observed_at, r.title, p.title as previous, r.same_as, r.seen_again
    from revisions r join articles a on a.id = r.article_id
    left join revisions p on p.article_id = r.article_id and p.revision = coalesce(r.previous, r.revision - 1)
    where r.revision = 1 or exists (select 1 from json_each(r.changed) c where c.value = 'title')""",
}
