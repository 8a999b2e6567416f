"""What crosses the pipe between the pool and its children: MessagePack, one reply to each request.

Replies come in the order of the requests. Facts are cut down to what the rule set reads before they are sent.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast

import msgspec

from service.rules.compile.shape import Shape
from service.rules.language.syntax import Expression
from service.rules.language.values import Duration, Facts, Timestamp
from service.rules.language.walk import children, path_of

LENGTH_BYTES = 4
FRAME_BYTES_MAX = 64 * 1024 * 1024
TIMESTAMP_EXT, DURATION_EXT = 1, 2
TIME_BYTES = 12
TERMS_LEAST = 4_500
"""Room for one rule set of as many rules as a policy may have, with what finds their errors."""
PLAIN = frozenset({bool, int, float, str})


class Limits(msgspec.Struct, frozen=True):
    """What one child may use.

    Attributes:
        memory_bytes: of address space; beyond it allocation fails.
        resident_bytes_max: of memory in use; above it the child asks to be replaced.
        terms_max: kept at one time; the least recently used rule sets go first. A term takes about 29 KB.
        loads_max: after so many rule sets the child asks to be replaced.
        budget_seconds: of processor time for what the evaluator decides beforehand, per snapshot.
        cpu_seconds: for the whole life of the process; None for children that live on.
        parent_pid: the process without which the child must not run.
    """

    memory_bytes: int = 1 << 30
    resident_bytes_max: int = 640 << 20
    terms_max: int = 16_000
    loads_max: int = 5_000
    budget_seconds: float = 0.05
    cpu_seconds: int | None = None
    parent_pid: int = 0

    @classmethod
    def shared_by(cls, children: int) -> "Limits":
        """Of each of so many children that have half a gigabyte together, as far as each has enough."""
        whole = cls()
        return cls(terms_max=max(whole.terms_max // children, TERMS_LEAST))


class Load(msgspec.Struct, frozen=True, tag="load", array_like=True):
    """Compile these conditions and keep them under the key."""

    key: str
    conditions: Sequence[Shape]


class Ask(msgspec.Struct, frozen=True, tag="ask", array_like=True):
    """Match snapshots of facts: each as `packed` wrote it when sent, facts again when read."""

    key: str
    snapshots: Sequence[Any]


class Smoke(msgspec.Struct, frozen=True, tag="smoke", array_like=True):
    """Make every term of a loaded rule set fire once."""

    key: str


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What a child holds after loading a rule set, and how many it has let go so far."""

    rule_sets: int
    terms: int
    evicted: int


class Done(msgspec.Struct, frozen=True, tag="done", array_like=True):
    """Loaded or smoke-tested: how many terms the key has at most, and what is kept of all."""

    terms: int
    kept: Kept


class Unknown(msgspec.Struct, frozen=True, tag="unknown", array_like=True):
    """No rule set of that key is kept; load it."""


class Failed(msgspec.Struct, frozen=True, tag="failed", array_like=True):
    """The request could not be served, and would not be served if it were repeated."""

    reason: str


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """For one snapshot: the conditions that are true and those that are errors, or what went wrong."""

    true: list[int]
    errors: list[int]
    failure: str | None = None


class Answered(msgspec.Struct, frozen=True, tag="answered", array_like=True):
    """One answer for each snapshot. `is_worn`: the child wants to be replaced."""

    answers: list[Answer]
    is_worn: bool


Request: TypeAlias = Load | Ask | Smoke
Reply: TypeAlias = Done | Unknown | Failed | Answered
Reads: TypeAlias = "dict[str, Reads | None]"
"""The names that conditions read, as a tree. None: the whole value."""


def frame(message: Request | Reply) -> bytes:
    """The message with its length in front.

    Raises:
        ValueError: the message is larger than `FRAME_BYTES_MAX`, or holds what MessagePack cannot.
    """
    try:
        body = _ENCODER.encode(message)
    except (OverflowError, RecursionError, UnicodeEncodeError) as error:
        raise ValueError(f"cannot be sent: {error}") from error
    if len(body) > FRAME_BYTES_MAX:
        raise ValueError(f"a message of {len(body)} bytes is larger than {FRAME_BYTES_MAX}")
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def packed(facts: Facts, reads: Reads) -> msgspec.Raw:
    """The part of the facts that is read.

    Raises:
        ValueError: the facts hold what cannot be sent, such as a lone surrogate.
    """
    try:
        return msgspec.Raw(_ENCODER.encode(_cut(facts, reads)))
    except (OverflowError, RecursionError, UnicodeEncodeError, TypeError) as error:
        raise ValueError(f"facts cannot be sent: {error}") from error


def reads(conditions: Iterable[Expression]) -> Reads:
    """Every path that the conditions name. A path through another's end is covered by the shorter one."""
    tree: Reads = {}
    pending = list(conditions)
    while pending:
        node = pending.pop()
        path = path_of(node)
        if path is None:
            pending += children(node)
        else:
            _add(tree, path)
    return tree


def _add(tree: Reads, path: tuple[str, ...]) -> None:
    here: Reads | None = tree
    for name in path[:-1]:
        here = here.setdefault(name, {})
        if here is None:
            return
    here[path[-1]] = None


def _cut(facts: Facts, reads: Reads) -> dict[str, Any]:
    cut: dict[str, Any] = {}
    for name, below in reads.items():
        value: Any = facts.get(name)
        if value is None:
            continue
        if below is not None and type(value) is dict:
            cut[name] = _cut(cast("Facts", value), below)
        else:
            cut[name] = value if type(value) in PLAIN else _sendable(value)
    return cut


def _sendable(value: Any) -> Any:
    """Times as extensions of MessagePack, so that they come out as what they were."""
    if isinstance(value, dict):
        return {name: _sendable(item) for name, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return list(map(_sendable, cast("list[Any]", value)))
    if isinstance(value, Timestamp | Duration):
        code = TIMESTAMP_EXT if isinstance(value, Timestamp) else DURATION_EXT
        return msgspec.msgpack.Ext(code, value.nanoseconds.to_bytes(TIME_BYTES, "big", signed=True))
    return value


def _time(code: int, written: memoryview) -> Timestamp | Duration:
    nanoseconds = int.from_bytes(written, "big", signed=True)
    return Timestamp(nanoseconds) if code == TIMESTAMP_EXT else Duration(nanoseconds)


_ENCODER = msgspec.msgpack.Encoder()
REQUESTS = msgspec.msgpack.Decoder(Request, ext_hook=_time)
REPLIES = msgspec.msgpack.Decoder(Reply)
