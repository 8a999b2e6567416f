"""What is hostile is refused at every operation: 4xx, as a problem, in little time, and nothing is stored.

`tests/api/test_bodies.py` says where in a body each value is refused; here all operations get each of them.
"""

import gzip
import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import Sessions
from service.settings import Settings
from tests import effort
from tests.factories import MovableClock
from tests.probes import raw, world
from tests.probes.document import Operation
from tests.probes.raw import Answered, Asked
from tests.probes.world import World

SECONDS_MAX = 0.1
JSON = b"application/json"
WHOLE: Mapping[str, tuple[bytes, bytes]] = {
    "nothing": (JSON, b""),
    "a word": (JSON, b"null"),
    "a number": (JSON, b"7"),
    "no JSON": (JSON, b"{'a': 1}"),
    "half of it": (JSON, b'{"name": "a"'),
    "two of them": (JSON, b"{} {}"),
    "100,000 arrays": (JSON, b"[" * 100_000),
    "100,000 arrays that end": (JSON, b"[" * 100_000 + b"]" * 100_000),
    "100,000 objects": (JSON, b'{"a":' * 100_000),
    "1 MB of text": (JSON, b'{"name": "' + b"a" * 1_000_000 + b'"}'),
    "1,000,000 elements": (JSON, b"[" + b"0," * 999_999 + b"0]"),
    "80,000 objects": (JSON, b"[" + b"{}," * 80_000 + b"{}]"),
    "40,000 names": (JSON, b"{" + b",".join(b'"%d":0' % n for n in range(25_000)) + b"}"),
    "not UTF-8": (JSON, b'{"name": "\xff\xfe"}'),
    "a surrogate in UTF-8": (JSON, b'{"name": "\xed\xa0\x80"}'),
    "a byte order mark": (JSON, b"\xef\xbb\xbf{}"),
    "UTF-16": (JSON, '{"name": "a"}'.encode("utf-16")),
    "UTF-32": (JSON, '{"name": "a"}'.encode("utf-32")),
    "gzip": (JSON, gzip.compress(b'{"name": "a"}')),
    "text": (b"text/plain", b'{"name": "a"}'),
    "XML": (b"application/xml", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"),
    "YAML": (b"application/yaml", b"!!python/object/apply:os.system ['true']"),
    "a form": (b"application/x-www-form-urlencoded", b"name=a"),
    "files": (
        b"multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--',
    ),
    "MessagePack": (b"application/x-msgpack", b"\x81\xa4name\xa1a"),
    "a type that is none": (b"application/json\r\nX-A: b", b"{}"),
}
"""Bodies that no operation takes, whatever it does: media type and bytes."""

LEFT_OUT = {"nothing", "a word"}
"""But for these two, where a body may be left out."""

VALUES: Mapping[str, bytes] = {
    "NUL": rb'"a\u0000b"',
    "half a pair": rb'"\ud800"',
    "the other half": rb'"a\udfff"',
    "10^100": b"1" + b"0" * 100,
    "1e400": b"1e400",
    "5,000 digits": b"9" * 5_000,
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a name twice": b'{"a": 1, "a": 2}',
    "NUL in a name": rb'{"a\u0000": 1}',
    "100 levels": b"[" * 100 + b"]" * 100,
}
"""Values that no field takes, whatever it holds."""

IN_A_TEXT = (
    *(b"%00", b"a%00b", b"%FF", b"%ED%A0%80", b"a%0D%0AX-Evil%3A%20b", b"%F0%9F%92%A5", b"..%2F..%2Fetc"),
    *(b"'%20or%201%3D1--", b"NaN", b"1" + b"0" * 100, b"-1", b"a" * 20_000, b"%5B" * 2_000, b"{}", b""),
)
"""Put where a parameter stands, percent-encoded."""

IN_A_HEADER = (
    *(b"", b"a\x00b", b"\xff\xfe", b"\xed\xa0\x80", b"a\r\nX-Evil: b", b'"' * 5_000, b"a" * 60_000),
    *(b"\xf0\x9f\x92\xa5", b'W/"a"', b"' or 1=1--"),
)


@pytest.fixture(scope="module")
async def here(
    engine: AsyncEngine, undone: Sessions, settings: Settings, wall_clock: MovableClock
) -> AsyncGenerator[World]:
    """The world that all of this module's requests are sent to."""
    async with world.standing(engine, undone, settings, wall_clock) as made:
        yield made


async def test_a_hostile_body_is_refused_at_every_operation(here: World) -> None:
    before = await here.rows(here.staff.tenant)
    wrong: list[str] = []
    for operation in _taking_json(here):
        for name, (media_type, body) in {**WHOLE, **_spoiled(here, operation)}.items():
            if name in LEFT_OUT and not operation.needs_body:
                continue
            asked = _asked(here, operation, body=body, media_type=media_type)
            wrong += [f"{operation.id}, {name}: {each}" for each in await _judged(here, asked)]

    assert wrong == []
    assert await here.rows(here.staff.tenant) == before


async def test_a_body_in_another_coding_is_refused_at_every_operation(here: World) -> None:
    for operation in _taking_json(here):
        for coding in (b"gzip", b"deflate", b"br", b"identity, gzip", b"a" * 5_000):
            right = json.dumps(here.staff.call(operation).body).encode()
            header = {"header": (b"content-encoding", coding)}
            asked = _asked(here, operation, body=gzip.compress(right), put=header)
            assert (await raw.ask(here.ground.app, asked)).status in (400, 415), (operation.id, coding)


async def test_a_hostile_parameter_is_refused_or_finds_nothing(here: World) -> None:
    """A filter may hold any text; what it cannot be is a crash, or text that no answer could hold."""
    before = await here.rows(here.staff.tenant)
    wrong: list[str] = []
    for operation in here.operations.values():
        for place in (*operation.at("path"), *operation.at("query")):
            for value in filter(None, IN_A_TEXT) if place.where == "path" else IN_A_TEXT:
                asked = _asked(here, operation, put={place.where: (place.name.encode(), value)})
                answered, seconds = await _timed(here, asked)
                if not (_is_refused(answered) or _may_be_read(operation, place.where, answered)):
                    wrong.append(f"{operation.id}, {place.name}, {value[:40]!r}: {_said(answered)}")
                if seconds >= SECONDS_MAX:
                    wrong.append(f"{operation.id}, {place.name}, {value[:40]!r}: {seconds:.3f} s")

    assert wrong == []
    assert await here.rows(here.staff.tenant) == before


async def test_a_hostile_header_is_refused_or_has_no_effect(here: World) -> None:
    wrong: list[str] = []
    for operation in here.operations.values():
        declared = [place.name.lower().encode() for place in operation.at("header")]
        for name in (b"authorization", b"x-request-id", *(declared or [b"if-none-match"])):
            for value in IN_A_HEADER:
                async with here.undone():
                    asked = _asked(here, operation, put={"header": (name, value)})
                    answered, seconds = await _timed(here, asked)
                if answered.status >= 500 or not (answered.status < 400 or answered.is_problem):
                    wrong.append(f"{operation.id}, {name!r}, {value[:40]!r}: {_said(answered)}")
                if name == b"authorization" and answered.status != 401:
                    wrong.append(f"{operation.id}, {value[:40]!r}: {_said(answered)}")
                if b"X-Evil" in answered.body or any(b"\r" in each for _, each in answered.headers):
                    wrong.append(f"{operation.id}, {name!r}: a header was broken in two")
                if seconds >= SECONDS_MAX:
                    wrong.append(f"{operation.id}, {name!r}, {value[:40]!r}: {seconds:.3f} s")

    assert wrong == []


def _taking_json(here: World) -> list[Operation]:
    return [operation for operation in here.operations.values() if operation.takes_json]


def _spoiled(here: World, operation: Operation) -> dict[str, tuple[bytes, bytes]]:
    """The right body of an operation with each hostile value in each of its fields."""
    whole = here.staff.call(operation).body
    body = cast("dict[str, Any]", whole if isinstance(whole, dict) else {})
    found: dict[str, tuple[bytes, bytes]] = {}
    for field in body:
        for name, value in VALUES.items():
            marked = json.dumps({**body, field: "\x1a"}).encode()
            found[f"{name} in {field}"] = JSON, marked.replace(rb'"\u001a"', value)
    return found


def _asked(
    here: World,
    operation: Operation,
    *,
    body: bytes | None = None,
    media_type: bytes = JSON,
    put: Mapping[str, tuple[bytes, bytes]] = MappingProxyType({}),
) -> Asked:
    """A right request of the staff, but for what is given; `put` by place: path, query or header."""
    call = here.staff.call(operation)
    target = call.address.encode()
    if "path" in put:
        name, value = put["path"]
        marked = call.path.format(**{**call.path_values, name.decode(): "\x1a"})
        target = marked.encode().replace(b"\x1a", value)
    if "query" in put:
        target += b"?" + b"=".join(put["query"])
    headers = {name.lower().encode(): value.encode() for name, value in call.headers.items()}
    headers[b"authorization"] = here.staff.caller.headers["Authorization"].encode()
    if call.has_body:
        headers[b"content-type"] = media_type
    if "header" in put:
        headers |= [put["header"]]
    sent = body if body is not None else json.dumps(call.body).encode() if call.has_body else b""
    return Asked(call.method, target, list(headers.items()), sent)


async def _judged(here: World, asked: Asked) -> Sequence[str]:
    """What is wrong with the answer to something hostile."""
    answered, seconds = await _timed(here, asked)
    refused = [] if _is_refused(answered) else [_said(answered)]
    return refused if seconds < SECONDS_MAX else [*refused, f"{seconds:.3f} s"]


async def _timed(here: World, asked: Asked) -> tuple[Answered, float]:
    """The answer, and the processor time of the quickest of some runs, as far as the first was too slow."""
    seconds: list[float] = []
    while True:
        begun = time.process_time()
        answered = await raw.ask(here.ground.app, asked)
        seconds.append(time.process_time() - begun)
        if min(seconds) < SECONDS_MAX or len(seconds) == effort.RUNS:
            return answered, min(seconds)


def _is_refused(answered: Answered) -> bool:
    return 400 <= answered.status < 500 and answered.is_problem


def _may_be_read(operation: Operation, where: str, answered: Answered) -> bool:
    return operation.method == "get" and where == "query" and answered.status == 200


def _said(answered: Answered) -> str:
    return f"{answered.status} {answered.body[:200]!r}"
