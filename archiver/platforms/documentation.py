"""The marks of programs that generate reference documentation, such as javadoc, Doxygen, Sphinx and rustdoc."""

from __future__ import annotations

from archiver.platforms.platform_table import Platform

PLATFORM = Platform(
    name="documentation",
    generator=r"^(?:javadoc|doxygen|sphinx|rustdoc|pdoc|jsdoc|typedoc|yard|scaladoc|dokka|docfx|ford|epydoc|godoc)\b",
    marks=(
        "script#documentation_options",
        "script[src*='documentation_options.js']",
        "link[rel=index][href*='genindex.html']",
        "ul#allclasses_navbar_top",
        "body.rustdoc",
        "link[href*='doxygen.css']",
        "dl.py.function",
        "dl.py.class",
        ".doc.doc-object",
    ),
    is_documentation=True,
)
