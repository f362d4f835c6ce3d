"""Lines with one or two dates."""

from __future__ import annotations

import pytest

from archiver.extraction.visible_dates import date_label, read_dates


@pytest.mark.parametrize(
    ("before", "text", "published", "modified"),
    [
        ("", "August 16, 2019", "2019-08-16", None),
        ("", "Updated July 9, 2025", None, "2025-07-09"),
        ("Last updated:", "Dec 12, 2025", None, "2025-12-12"),
        ("Published", "15 November 2018", "2018-11-15", None),
        ("", "August 16, 2019 - Updated July 9, 2025", "2019-08-16", "2025-07-09"),
        ("", "Updated July 9, 2025, first published August 16, 2019", "2019-08-16", "2025-07-09"),
        ("", "Aktualisiert am 9.7.2025", None, "2025-07-09"),
        ("", "2024-05-01 更新", None, "2024-05-01"),
        ("", "Received 3 May 2020; accepted 9 June 2020", None, None),
        ("", "Received 3 May 2020; revised 1 June 2020; accepted 9 June 2020; 2 July 2020", "2020-07-02", "2020-06-01"),
        ("Eingegangen am", "3.5.2020", None, None),
        ("", "Submitted by Ada on 3 May 2020", "2020-05-03", None),
        ("", "© 2020-05-01 Harbour News", None, None),
        ("", "no date at all", None, None),
    ],
)
def test_lines_with_dates_are_parsed(before: str, text: str, published: str | None, modified: str | None) -> None:
    found = read_dates(text, "en-US", before)
    assert tuple(m.at.date().isoformat() if m else None for m in found) == (published, modified)


@pytest.mark.parametrize(
    ("text", "language", "published", "modified"),
    [
        ("03.05.2024 12:30 (обновлено: 04.05.2024)", "ru", "2024-05-03T12:30", "2024-05-04T00:00"),
        ("3 mai 2024 - mis à jour le 4 mai 2024 à 8h00", "fr", "2024-05-03T00:00", "2024-05-04T08:00"),
        ("发布时间：2024-05-01 10:20 更新时间：2024-05-03 08:00", "zh", "2024-05-01T10:20", "2024-05-03T08:00"),
        ("입력 2024.05.03 12:30 수정 2024.05.04 08:00", "ko", "2024-05-03T12:30", "2024-05-04T08:00"),
        ("Publicerad 3 maj 2024 kl 12.30 Uppdaterad 4 maj 2024", "sv", "2024-05-03T12:30", "2024-05-04T00:00"),
        ("3. Mai 2024, 12.30 Uhr", "de", "2024-05-03T12:30", None),
        ("5.3.2024 v2.10", "de", "2024-03-05T00:00", None),
        ("Published: 11:00, 3 May 2024 | Updated: 10:00, 4 May 2024", "en", "2024-05-03T11:00", "2024-05-04T10:00"),
    ],
)
def test_each_date_has_its_own_time_of_day(text: str, language: str, published: str, modified: str | None) -> None:
    found = read_dates(text, language)
    assert tuple(m.at.isoformat()[:16] if m else None for m in found) == (published, modified)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("Publish date", "published"), ("Publication date:", "published"), ("Date of publication", "published"),
        ("Published, then updated", "modified"), ("When: ", "sent"), ("Wann:", "sent"), ("When it rains", ""),
        ("প্রকাশ:", "published"), ("Уред: објављено", "published"), ("Ažurirano:", "modified"),
        ("Módosítva:", "modified"),
        ("اپ ڈیٹ", "modified"), ("Δημοσιεύθηκε", "published"), ("登録日", "published"), ("ปรับปรุง", "modified"),
        ("Accepted:", "sent"), ("accepted by all", ""), ("Pier two", ""),
    ],
)  # fmt: skip
def test_words_before_a_date_decide_its_kind(words: str, says: str) -> None:
    assert date_label(words) == says
