"""Regular expressions by RE2: linear in the text, whatever the pattern."""

from functools import lru_cache
from typing import Protocol, cast

import re2

from service.rules.language.values import Refusal

PATTERN_LENGTH_MAX = 256
STEPS_MAX = 4_000_000
"""Size of the compiled pattern times bytes of the text: what the slowest of RE2's methods may have to do."""
_PATTERN_BYTES_MAX = 256 * 1024
_PATTERNS_CACHED = 256


_INVALID = cast("type[Exception]", re2.error)


class _Pattern(Protocol):
    programsize: int

    def search(self, text: bytes) -> object | None: ...


def matches(text: str, pattern: str) -> bool | Refusal:
    """Whether `pattern` occurs anywhere in `text`."""
    compiled = _compiled(pattern)
    if isinstance(compiled, Refusal):
        return compiled
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return Refusal("the string is not valid Unicode")
    if len(encoded) * compiled.programsize > STEPS_MAX:
        return Refusal("the string is too long for this pattern; use a simpler pattern or contains()")
    return compiled.search(encoded) is not None


def fault_in(pattern: str) -> str | None:
    """What is wrong with `pattern`, or None."""
    compiled = _compiled(pattern)
    return compiled.message if isinstance(compiled, Refusal) else None


@lru_cache(maxsize=_PATTERNS_CACHED)
def _compiled(pattern: str) -> _Pattern | Refusal:
    if len(pattern) > PATTERN_LENGTH_MAX:
        return Refusal(f"the pattern is longer than {PATTERN_LENGTH_MAX} characters")
    options = re2.Options()
    options.max_mem = _PATTERN_BYTES_MAX
    options.log_errors = False
    options.never_capture = True
    try:
        return cast("_Pattern", re2.compile(pattern, options))  # pyright: ignore[reportUnknownMemberType]  # re2 has no types
    except UnicodeEncodeError:
        return Refusal("the pattern is not valid Unicode")
    except _INVALID as error:
        return Refusal(f"invalid regular expression: {_reason(error)}")


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
