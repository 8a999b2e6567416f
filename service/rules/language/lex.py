"""Text into tokens, by CEL's lexical rules. Knows nothing of grammar."""

import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from service.rules.language.faults import LanguageError, fault
from service.rules.language.syntax import Place

SOURCE_BYTES_MAX = 16 * 1024
NAME_LENGTH_MAX = 100
INT_MIN = -(2**63)
INT_MAX = 2**63 - 1

RESERVED_WORDS = frozenset(
    {
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "namespace",
        "package",
        "return",
        "var",
        "void",
        "while",
    }
)
"""Words that CEL keeps for itself: never the name of a fact, but allowed after a dot."""

_SURROGATES = range(0xD800, 0xE000)
_KEYWORDS = {"true": True, "false": False, "null": None}

_TOKEN = re.compile(
    r"""
      (?P<blank>     [ \t\n\f\r]+ | //[^\n]* )
    | (?P<text>      (?P<prefix>[rRbB]{0,2}) (?P<quote>\"\"\"|'''|\"|') )
    | (?P<float>     [0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+ )
    | (?P<int>       (?:0x[0-9a-fA-F]+|[0-9]+)(?P<unsigned>[uU])? )
    | (?P<word>      [A-Za-z_][A-Za-z0-9_]* )
    | (?P<quoted>    `[A-Za-z0-9_./\ -]+` )
    | (?P<symbol>    == | != | <= | >= | && | \|\| | [-+*/%!<>?:.,()\[\]{}] )
    """,
    re.VERBOSE | re.ASCII,
)

_RAW_BODY = {
    '"': re.compile(r'([^"\r\n]*)"'),
    "'": re.compile(r"([^'\r\n]*)'"),
    '"""': re.compile(r'(.*?)"""', re.DOTALL),
    "'''": re.compile(r"(.*?)'''", re.DOTALL),
}
_BODY = {
    '"': re.compile(r'((?:[^"\\\r\n]|\\.)*)"'),
    "'": re.compile(r"((?:[^'\\\r\n]|\\.)*)'"),
    '"""': re.compile(r'((?:[^\\]|\\.)*?)"""', re.DOTALL),
    "'''": re.compile(r"((?:[^\\]|\\.)*?)'''", re.DOTALL),
}
_ESCAPE = re.compile(
    r"""\\(?:
      (?P<octal>[0-3][0-7]{2}) | [xX](?P<byte>[0-9a-fA-F]{2})
    | u(?P<short>[0-9a-fA-F]{4}) | U(?P<long>[0-9a-fA-F]{8}) | (?P<single>.) )
    """,
    re.VERBOSE | re.DOTALL,
)
_SINGLE_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "?": "?",
    '"': '"',
    "'": "'",
    "`": "`",
}


class Kind(StrEnum):
    """What a token is; `SYMBOL` and `WORD` are told apart further by their text."""

    STRING = "a string"
    DOUBLE = "a double"
    INT = "an integer"
    CONSTANT = "a constant"
    WORD = "a name"
    QUOTED_NAME = "a quoted name"
    SYMBOL = "a symbol"
    END = "the end of the condition"


class Token(NamedTuple):
    """One token. Integers carry their magnitude: whether it fits 64 bits depends on a minus before it."""

    kind: Kind
    text: str
    value: bool | int | float | str | None
    place: Place


def tokens(source: str) -> Iterator[Token]:
    """The tokens of `source`, the last of them of kind `END`. Lazy: a reader that gives up early pays little.

    Raises:
        LanguageError: too long, not valid Unicode, or something that no token begins with.
    """
    _refuse_unreadable(source)
    line_starts = [0, *(match.end() for match in re.finditer("\n", source))]
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise _unexpected_character(source[position], _place(line_starts, position))
        if match.lastgroup == "blank":
            position = match.end()
            continue
        token, position = _token(source, match, _place(line_starts, position))
        yield token
    yield Token(Kind.END, "", None, _place(line_starts, len(source)))


def _refuse_unreadable(source: str) -> None:
    start = Place(1, 1)
    if len(source) > SOURCE_BYTES_MAX or len(source.encode(errors="surrogatepass")) > SOURCE_BYTES_MAX:
        raise LanguageError(
            [
                fault(
                    start,
                    f"The condition is longer than {SOURCE_BYTES_MAX:,} bytes; split it into several rules.",
                )
            ]
        )
    bad = re.search("[\0\ud800-\udfff]", source)
    if bad is None:
        return
    before = source[: bad.start()]
    place = Place(before.count("\n") + 1, bad.start() - before.rfind("\n"))
    name = f"U+{ord(bad.group()):04X}"
    raise LanguageError([fault(place, f"The character {name} cannot stand in a condition; remove it.")])


def _place(line_starts: list[int], position: int) -> Place:
    line = bisect_right(line_starts, position) if len(line_starts) > 1 else 1
    return Place(line, position - line_starts[line - 1] + 1)


def _unexpected_character(character: str, place: Place) -> LanguageError:
    remedies = {
        "=": "Write `==` to compare.",
        "&": "Write `&&` for and.",
        "|": "Write `||` for or.",
        "\\": "A backslash belongs inside a string.",
        "`": "A quoted name holds letters, digits, `_ . - /` and spaces between two backticks.",
    }
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    remedy = remedies.get(character, "No part of a condition begins with it.")
    return LanguageError([fault(place, f"Unexpected character `{shown}`. {remedy}")])


def _token(source: str, match: re.Match[str], place: Place) -> tuple[Token, int]:
    text, end = match.group(), match.end()
    if match.lastgroup in {"word", "quoted"} and len(text) > NAME_LENGTH_MAX:
        raise LanguageError([fault(place, f"A name has at most {NAME_LENGTH_MAX} characters.")])
    match match.lastgroup:
        case "word" if text in _KEYWORDS:
            token = Token(Kind.CONSTANT, text, _KEYWORDS[text], place)
        case "word":
            token = Token(Kind.WORD, text, text, place)
        case "quoted":
            token = Token(Kind.QUOTED_NAME, text, text[1:-1], place)
        case "symbol":
            token = Token(Kind.SYMBOL, text, None, place)
        case _:
            return _number_or_text(source, match, place)
    return token, end


def _number_or_text(source: str, match: re.Match[str], place: Place) -> tuple[Token, int]:
    if match["quote"] is not None:
        return _string(source, match, place)
    text = match.group()
    if match["float"] is not None:
        return Token(Kind.DOUBLE, text, float(text), place), match.end()
    if match["unsigned"] is not None:
        message = f"Unsigned integers such as `{text}` are not part of this language; write `{text[:-1]}`."
        raise LanguageError([fault(place, message)])
    magnitude = int(text, 0) if text.startswith("0x") else _decimal(text, place)
    return Token(Kind.INT, text, magnitude, place), match.end()


def _decimal(text: str, place: Place) -> int:
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(INT_MAX)):
        raise out_of_range(place)
    return int(digits)


def out_of_range(place: Place) -> LanguageError:
    """The integer at `place` does not fit into 64 bits."""
    message = f"The integer does not fit into 64 bits ({INT_MIN} to {INT_MAX}); write a double such as 1e20."
    return LanguageError([fault(place, message)])


def _string(source: str, match: re.Match[str], place: Place) -> tuple[Token, int]:
    prefix, quote = match["prefix"].lower(), match["quote"]
    if "b" in prefix:
        message = "Bytes literals are not part of this language; write a string without the `b`."
        raise LanguageError([fault(place, message)])
    if prefix == "rr":
        raise LanguageError([fault(place, "Expected one `r` before a raw string, found two.")])
    is_raw = prefix == "r"
    body = (_RAW_BODY if is_raw else _BODY)[quote].match(source, match.end())
    if body is None:
        message = f"This string has no end: expected a closing {quote}" + (
            " on the same line." if len(quote) == 1 else "."
        )
        raise LanguageError([fault(place, message)])
    value = body[1] if is_raw else _unescaped(body[1], place)
    return Token(Kind.STRING, source[match.start() : body.end()], value, place), body.end()


def _unescaped(body: str, place: Place) -> str:
    if "\\" not in body:
        return body

    def replaced(match: re.Match[str]) -> str:
        digits = match["byte"] or match["short"] or match["long"]
        if digits is None and match["octal"] is None:
            single = _SINGLE_ESCAPES.get(match["single"])
            if single is None:
                raise _bad_escape(match.group(), place)
            return single
        code_point = int(match["octal"], 8) if digits is None else int(digits, 16)
        if code_point > sys.maxunicode or code_point in _SURROGATES:
            raise _bad_escape(match.group(), place)
        return chr(code_point)

    return _ESCAPE.sub(replaced, body)


def _bad_escape(text: str, place: Place) -> LanguageError:
    message = (
        f"`{text}` is no escape of this language. Write \\\\ for a backslash, or a raw string: r'\\d+'. "
        r"Known are \n \r \t \\ \" \' \` \? \a \b \f \v \xHH \uHHHH \UHHHHHHHH and \OOO (octal)."
    )
    return LanguageError([fault(place, message)])
