"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archiver.model.lazy_regex as lazy_module
from archiver.model.lazy_regex import compile_lazy_regexes, lazy_regex

_PATTERN = r"(?P<word>[a-zß]+)-?(\d*)"
_START = """
import sys
import archiver.cli.commands.crawl
import archiver.model.lazy_regex as lazy_module
print(sum(one._compiled is not None for one in lazy_module._lazy_regexes), len(lazy_module._lazy_regexes))
"""


def test_a_pattern_is_compiled_when_it_is_used() -> None:
    broken = lazy_regex("(")
    lazy_module._lazy_regexes.pop()
    with pytest.raises(re.error):
        broken.search("")


@given(st.text("aßſK1-2 "))
def test_it_answers_as_a_compiled_pattern_does(text: str) -> None:
    compiled = re.compile(_PATTERN, re.IGNORECASE)
    lazy = lazy_regex(_PATTERN, re.IGNORECASE)
    assert [m.groupdict() for m in lazy.finditer(text)] == [m.groupdict() for m in compiled.finditer(text)]
    assert lazy.sub(r"<\g<word>>", text) == compiled.sub(r"<\g<word>>", text)
    assert (lazy.pattern, lazy.flags, lazy.groups) == (compiled.pattern, compiled.flags, compiled.groups)


def test_all_can_be_compiled_before_a_fork() -> None:
    lazy = lazy_regex("a|b")
    compile_lazy_regexes()
    assert lazy_module._lazy_regexes[-1].compile() is lazy.search("a").re  # type: ignore[union-attr]


def test_a_crawl_starts_without_compiling_the_patterns_of_pages() -> None:
    out = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True)
    compiled, known = map(int, out.stdout.split())
    assert compiled <= 3
    assert known > 100
