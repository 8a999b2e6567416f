"""The marks of a template, before its engine reads it: what no engine should have to try. Pure.

The engine looks for the end of each mark with regular expressions, which take a time that grows with the
square of how far they look. So it is only given marks that end, and soon.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from service.errors import Fault
from service.rationalization.wording.domain.characters import FAULTS_MAX, place

SOURCE_CHARACTERS_MAX = 20_000
MARK_CHARACTERS_MAX = 500
TAGS = (
    *("if", "elsif", "else", "endif", "unless", "endunless", "case", "when", "endcase"),
    *("for", "endfor", "comment", "endcomment"),
)

_BEGINNING = re.compile(r"\{\{|\{%")
_ENDS = {"{{": "}}", "{%": "%}"}
_NAME = re.compile(r"-?[ \t\r\n]*(#|\w*)")


@dataclass(frozen=True, slots=True)
class Mark:
    """`{{ … }}` or `{% … %}`: where it begins, and what is in it."""

    at: int
    opening: str
    content: str


def faults_of_marks(source: str, pointer: str) -> list[Fault]:
    """Marks that do not end, or not soon enough, and tags that there are not; the first ones.

    Args:
        source: of at most SOURCE_CHARACTERS_MAX.
        pointer: to where it stands.
    """
    found: list[Fault] = []
    for mark in _marks(source):
        detail = _doubt(mark)
        if detail is not None:
            line, column = place(source, mark.at)
            found.append(Fault(pointer, detail, line=line, column=column))
        if len(found) == FAULTS_MAX:
            break
    return found


def _marks(source: str) -> Iterator[Mark]:
    at = 0
    while (beginning := _BEGINNING.search(source, at)) is not None:
        opening, begun = beginning[0], beginning.end()
        end = source.find(_ENDS[opening], begun, begun + MARK_CHARACTERS_MAX + 2)
        yield Mark(beginning.start(), opening, source[begun:end] if end >= 0 else "{{")
        at = begun if end < 0 else end + 2


def _doubt(mark: Mark) -> str | None:
    ending = _ENDS[mark.opening]
    if _BEGINNING.search(mark.content):
        within = f"within {MARK_CHARACTERS_MAX} characters"
        return f"`{mark.opening}` has no `{ending}` {within}; end it, or leave it out."
    if mark.opening == "{{":
        return None
    named = _NAME.match(mark.content)
    name = "" if named is None else named[1]
    if name in TAGS:
        return None
    near = get_close_matches(name, TAGS, n=1)
    meant = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(TAGS)}."
    return f"There is no tag {name[:50]!r}; {meant}"
