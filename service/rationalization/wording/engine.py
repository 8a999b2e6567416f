"""The one place that knows python-liquid: messages are read and told here, within bounds.

The library bounds neither its filters nor blocks that print nothing. So this environment knows few tags and
fewer filters, all of them bounded; what a template may cost is counted when it is read; and all that it can
reach are texts, lists of texts and instants, which have no attributes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any, ClassVar, cast, get_args

from liquid import BoundTemplate, Environment, FalsyStrictUndefined, RenderContext
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions import StringLiteral, parse_primitive
from liquid.builtin.tags.case_tag import CaseTag
from liquid.builtin.tags.comment_tag import CommentTag
from liquid.builtin.tags.for_tag import ForTag
from liquid.builtin.tags.if_tag import IfTag
from liquid.builtin.tags.unless_tag import UnlessTag
from liquid.exceptions import (
    FilterArgumentError,
    LiquidError,
    LiquidSyntaxError,
    LoopIterationLimitError,
    OutputStreamLimitError,
    UndefinedError,
)
from liquid.expression import Expression
from liquid.mode import Mode
from liquid.stream import TokenStream
from liquid.token import TOKEN_COMMA, TOKEN_OR
from liquid.undefined import is_undefined

from service.errors import Fault
from service.rationalization.wording.domain import characters, scanning, spoken
from service.rationalization.wording.domain.spoken import Form, Instant
from service.rationalization.wording.domain.values import Bound
from service.recent import Recent

OUTPUT_CHARACTERS_MAX = 20_000
ROUNDS_MAX = 500
DEPTH_MAX = 10
KEPT_MAX = 256

BLANK_LINES = re.compile(r"[ \t]*\n(?:[ \t]*\n){2,}")
LINE_ENDS = re.compile(r"[ \t]+\n")


class Unreadable(Exception):
    """A template that is no template: why, and where it is, as an index into its source."""

    def __init__(self, detail: str, at: int) -> None:
        super().__init__(detail)
        self.detail, self.at = detail, at


class Untold(Exception):
    """A template that cannot be told of these values."""

    def __init__(self, detail: str, at: int | None, *, missing: bool = False) -> None:
        super().__init__(detail)
        self.detail, self.at, self.missing = detail, at, missing


@dataclass(frozen=True, slots=True)
class Program:
    """A template that was read."""

    source: str
    template: BoundTemplate

    def told(self, values: Mapping[str, Bound]) -> str:
        """What it says of these values, without blank lines that only marks have left. Raises Untold."""
        try:
            text = self.template.render(dict(values))
        except LiquidError as error:
            missing = isinstance(error, UndefinedError)
            raise Untold(str(error.message), _index(error), missing=missing) from error
        except (TypeError, ValueError, LookupError, ArithmeticError) as error:
            # Some of Python's own errors come through the library, such as for comparing what cannot be.
            raise Untold(str(error), None) from error
        return BLANK_LINES.sub("\n\n", LINE_ENDS.sub("\n", text)).strip()


def read(source: str) -> Program:
    """Read a template whose marks were looked at; what was read last is kept. Raises Unreadable."""
    kept = _PROGRAMS.get(source)
    if kept is not None:
        return kept
    try:
        template = _ENVIRONMENT.from_string(source)
    except LiquidError as error:
        at = _index(error)
        raise Unreadable(str(error.message), len(source) if at is None else at) from error
    program = Program(source, template)
    _PROGRAMS.put(source, program)
    return program


def fault(pointer: str, source: str, detail: str, at: int | None) -> Fault:
    """What is wrong at an index of the source, as a fault that says line and column."""
    if at is None:
        return Fault(pointer, detail)
    line, column = characters.place(source, at)
    return Fault(pointer, detail, line=line, column=column)


def _index(error: LiquidError) -> int | None:
    return None if error.token is None or error.token.start_index < 0 else error.token.start_index


class _Output(StringIO):
    """What a template prints, up to a bound."""

    def __init__(self) -> None:
        super().__init__()
        self._characters = 0

    def write(self, text: str, /) -> int:
        self._characters += len(text)
        if self._characters > OUTPUT_CHARACTERS_MAX:
            detail = f"It says more than {OUTPUT_CHARACTERS_MAX} characters."
            raise OutputStreamLimitError(detail, token=None)
        return super().write(text)


class _Context(RenderContext):
    """Counts the rounds of all loops together."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rounds = 0

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self._rounds += length
        if self._rounds > ROUNDS_MAX:
            detail = f"Its loops go round more than {ROUNDS_MAX} times together."
            raise LoopIterationLimitError(detail, token=None)


class _Template(BoundTemplate):
    context_class = _Context

    def _get_buffer(self) -> StringIO:
        return _Output()


class _If(IfTag):
    """Takes no `else` after an `else`, whose text would never be told."""

    mode = Mode.STRICT


class _Unless(UnlessTag):
    mode = Mode.STRICT


class _Case(CaseTag):
    """Tells the words of one `when` once: with the library's own they are told for each time that it fits."""

    def _parse_when_expression(self, stream: TokenStream) -> list[Expression]:
        found: list[Expression] = [parse_primitive(self.env, stream)]
        while stream.current.kind in {TOKEN_COMMA, TOKEN_OR}:
            next(stream)
            found.append(parse_primitive(self.env, stream))
        stream.expect_eos()
        texts = [each.value for each in found if isinstance(each, StringLiteral)]
        if len(set(texts)) != len(found):
            raise LiquidSyntaxError("`when` names texts in quotes, each once.", token=found[0].token)
        return found


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case int() | Instant():
            return str(value)
        case _:
            raise FilterArgumentError("This filter takes a text.", token=_token(value))


def _list(value: object) -> list[str]:
    if type(value) is list:
        return cast("list[str]", value)
    raise FilterArgumentError("This filter takes a list.", token=_token(value))


def _instant(value: object) -> Instant:
    if isinstance(value, Instant):
        return value
    raise FilterArgumentError("This filter takes an instant.", token=_token(value))


def _token(value: object) -> None:
    """Nothing; but of what is missing it is said that it is. Raises UndefinedError."""
    if is_undefined(value):
        str(value)


def _upcase(value: object) -> str:
    return _text(value).upper()


def _downcase(value: object) -> str:
    return _text(value).lower()


def _capitalize(value: object) -> str:
    text = _text(value)
    return text[:1].upper() + text[1:]


def _strip(value: object) -> str:
    return _text(value).strip()


def _truncate(value: object, characters_max: object = 50) -> str:
    if not isinstance(characters_max, int) or not 1 <= characters_max <= OUTPUT_CHARACTERS_MAX:
        raise FilterArgumentError("How many characters is a number from 1 on.", token=None)
    return characters.shortened(_text(value), characters_max)


def _join(value: object, between: object = ", ") -> str:
    return _text(between).join(_list(value))


def _first(value: object) -> str:
    return next(iter(_list(value)), "")


def _last(value: object) -> str:
    return next(reversed(_list(value)), "")


def _size(value: object) -> int:
    return len(_text(value)) if isinstance(value, str) else len(_list(value))


def _date(value: object, form: object = "full") -> str:
    instant = _instant(value)
    for each in get_args(Form):
        if form == each:
            return spoken.day(instant.at, instant.manner, each)
    raise FilterArgumentError(f"A date is {', '.join(get_args(Form))}.", token=None)


def _time(value: object) -> str:
    instant = _instant(value)
    return spoken.minute(instant.at, instant.manner)


FILTERS: Mapping[str, Callable[..., object]] = {
    "upcase": _upcase,
    "downcase": _downcase,
    "capitalize": _capitalize,
    "strip": _strip,
    "truncate": _truncate,
    "join": _join,
    "first": _first,
    "last": _last,
    "size": _size,
    "date": _date,
    "time": _time,
}
"""All filters that there are. What is missing is asked for by `if`, so that there is no `default`; a message
is plain text, so that nothing is escaped in it."""


class _Environment(Environment):
    block_nesting_limit: ClassVar[int] = DEPTH_MAX
    template_class = _Template

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:  # noqa: ARG002 - the library's signature
        for tag in (content.Literal, output.Output, illegal.Illegal):
            self.add_tag(tag)
        for tag in (_If, _Unless, _Case, ForTag, CommentTag):
            self.add_tag(tag)
        for name, function in FILTERS.items():
            self.add_filter(name, function)


_ENVIRONMENT = _Environment(undefined=FalsyStrictUndefined)
_PROGRAMS: Recent[str, Program] = Recent(
    KEPT_MAX * scanning.SOURCE_CHARACTERS_MAX // 10, weigh=lambda program: len(program.source) + 100
)
