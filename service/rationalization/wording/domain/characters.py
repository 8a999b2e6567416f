"""Which characters words may have, and where they may be cut. Pure."""

import unicodedata
from collections.abc import Iterator

import regex

from service.errors import Fault

FAULTS_MAX = 20
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
MORE = "…"
LINE_BREAKS = frozenset("\n\t")
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They show text in another order than it is in, so that it seems to say something else."""
GRAPHEME = regex.compile(r"\X")


def place(text: str, at: int) -> tuple[int, int]:
    """The line and the column of a character, both from 1."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def faults_of_characters(text: str, pointer: str) -> Iterator[Fault]:
    """The characters that no message may have, each with its place: the first ones."""
    found = 0
    for at, character in enumerate(text):
        detail = _doubt(character)
        if detail is None:
            continue
        line, column = place(text, at)
        yield Fault(pointer, f"U+{ord(character):04X}: {detail}", line=line, column=column)
        found += 1
        if found == FAULTS_MAX:
            return


def harmless(text: str) -> str:
    """What others wrote, and is to be told all the same, with what no message may have replaced."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(REPLACEMENT if _doubt(character) else character for character in lines)


def shortened(text: str, characters_max: int) -> str:
    """The text, cut between what is one character to its reader, with an ellipsis for what is left out."""
    if len(text) <= characters_max:
        return text
    kept = 0
    for grapheme in GRAPHEME.finditer(text):
        if grapheme.end() > characters_max - len(MORE):
            break
        kept = grapheme.end()
    return text[:kept] + MORE


def _doubt(character: str) -> str | None:
    if character in LINE_BREAKS or character.isalnum() or character == " ":
        return None
    if character in TURNING:
        return "it turns the direction of what follows; leave it out."
    match unicodedata.category(character):
        case "Cc":
            return "a control character; leave it out."
        case "Cs":
            return "half of a character (a lone surrogate); write the whole one."
        case "Cn":
            return "no character of Unicode; leave it out."
        case _:
            return None
