"""Every failure becomes a problem (RFC 9457), and tells nothing of the inside."""

import contextlib
import time
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest
from asyncpg import CannotConnectNowError
from httpx2 import ASGITransport, AsyncClient
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.testing import capture_logs

from service.api import problems
from service.app import create_app
from service.db import Sessions, TenantSession
from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound, TooMany, Unavailable
from service.settings import Settings
from tests import effort
from tests.factories import VAULT

INSIDE = "something of the inside"


class Missing(NotFound):
    """Nothing is here."""

    code = "probe-missing"


class Barred(Forbidden):
    code = "probe-barred"


class Contradicted(Conflict):
    code = "probe-contradicted"


class Refused(Invalid):
    code = "probe-refused"


class Flooded(TooMany):
    code = "probe-flooded"


class Resting(Unavailable):
    code = "probe-resting"


class _Answered(Exception):
    """What the driver says, with a SQLSTATE."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(INSIDE)
        self.sqlstate = sqlstate


def _database_says(sqlstate: str, *, lost: bool = False) -> DBAPIError:
    return DBAPIError("select 1", {}, _Answered(sqlstate), connection_invalidated=lost)


FAILURES: dict[str, Exception] = {
    "missing": Missing("No such thing."),
    "barred": Barred("Not for you."),
    "contradicted": Contradicted("Already done."),
    "refused": Refused(
        "No.", faults=[Fault("/rules/0/when", "Unknown fact.", 1, 7), Fault("/name", "Empty.")]
    ),
    "flooded": Flooded("Too fast.", retry_after=timedelta(seconds=90)),
    "resting": Resting("Not now."),
    "bug": ValueError(INSIDE),
    "lookup": KeyError(INSIDE),
    "pool": PoolTimeoutError(INSIDE),
    "starting": CannotConnectNowError(INSIDE),
    "refusing": ConnectionRefusedError(INSIDE),
    "lost": _database_says("", lost=True),
    "disk-full": _database_says("53100"),
    "shutdown": _database_says("57P01"),
    "deadlock": _database_says("40P01"),
    "lock-timeout": _database_says("55P03"),
    "statement-timeout": _database_says("57014"),
    "constraint": _database_says("23514"),
}


class Form(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    counts: list[int] = []


class Probe(Controller):
    path = "/probe"

    @get("/fail/{name:str}")
    async def fail(self, name: FromPath[str]) -> None:
        raise FAILURES[name]

    @get("/count", sync_to_thread=False)
    def count(self, number: FromQuery[int]) -> int:
        return number

    @get("/unguarded")
    async def unguarded(self, session: NamedDependency[TenantSession]) -> str:
        return str(session.tenant_id)

    @post("/form", status_code=200)
    async def form(self, data: JSONBody[Form]) -> Form:
        return data


@pytest.fixture
async def probe(settings: Settings, sessions: Sessions) -> AsyncGenerator[AsyncClient]:
    app = create_app(settings, sessions, vault=VAULT, controllers=[Probe, problems.ProblemController])
    transport = ASGITransport(cast("Any", app), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://rooted.test") as client:
        yield client


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("missing", 404, "probe-missing"),
        ("barred", 403, "probe-barred"),
        ("contradicted", 409, "probe-contradicted"),
        ("refused", 422, "probe-refused"),
        ("flooded", 429, "probe-flooded"),
        ("resting", 503, "probe-resting"),
        ("bug", 500, "internal-error"),
        ("lookup", 500, "internal-error"),
        ("constraint", 500, "internal-error"),
        ("pool", 503, "database-unavailable"),
        ("starting", 503, "database-unavailable"),
        ("refusing", 503, "database-unavailable"),
        ("lost", 503, "database-unavailable"),
        ("disk-full", 503, "database-unavailable"),
        ("shutdown", 503, "database-unavailable"),
        ("deadlock", 503, "database-unavailable"),
        ("lock-timeout", 503, "database-unavailable"),
        ("statement-timeout", 503, "database-unavailable"),
    ],
)
async def test_every_failure_has_its_status_and_type(
    probe: AsyncClient, name: str, status: int, kind: str
) -> None:
    answer = await probe.get(f"/probe/fail/{name}")

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{kind}"
    assert answer.json()["status"] == status
    assert answer.json()["instance"] == f"/probe/fail/{name}"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert INSIDE not in answer.text


@pytest.mark.parametrize(("name", "seconds"), [("flooded", "90"), ("resting", "1"), ("pool", "1")])
async def test_who_may_try_again_is_told_when(probe: AsyncClient, name: str, seconds: str) -> None:
    assert (await probe.get(f"/probe/fail/{name}")).headers["retry-after"] == seconds


async def test_faults_point_at_their_places(probe: AsyncClient) -> None:
    answer = await probe.get("/probe/fail/refused")
    assert answer.json()["errors"] == [
        {"pointer": "/rules/0/when", "detail": "Unknown fact.", "line": 1, "column": 7},
        {"pointer": "/name", "detail": "Empty."},
    ]


async def test_a_bug_is_logged_once_under_the_request_id(probe: AsyncClient) -> None:
    with capture_logs() as lines:
        await probe.get("/probe/fail/bug")

    failures = [line for line in lines if line["log_level"] == "error"]
    assert [line["event"] for line in failures] == ["unexpected failure"]
    assert isinstance(failures[0]["exc_info"], ValueError)


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nowhere", 404, "address-unknown"),
        ("GET", "/probe/fail/missing/more", 404, "address-unknown"),
        ("DELETE", "/probe/form", 405, "method-not-allowed"),
        ("TRACE", "/probe/form", 405, "method-not-allowed"),
        ("GET", "/probe/count?number=ten", 400, "parameter-malformed"),
        ("GET", "/probe/count", 400, "parameter-malformed"),
        ("GET", "/probe/count?number=1&note=a%00b", 400, "parameter-malformed"),
        ("GET", "/probe/count?number=1&note=%ff", 400, "parameter-malformed"),
        ("GET", "/probe/fail/a%00b", 400, "parameter-malformed"),
    ],
)
async def test_what_finds_no_operation_or_cannot_be_read_is_a_problem(
    probe: AsyncClient, method: str, path: str, status: int, kind: str
) -> None:
    answer = await probe.request(method, path)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_is_told_the_right_ones(probe: AsyncClient) -> None:
    answer = await probe.get("/probe/form")
    assert {"POST", "OPTIONS"} == set(answer.headers["allow"].split(", "))


async def test_a_parameter_that_cannot_be_read_is_named(probe: AsyncClient) -> None:
    answer = await probe.get("/probe/count?number=ten")
    assert answer.json()["errors"] == [
        {"pointer": "", "detail": "Query parameter 'number': Expected `int`, got `str`."}
    ]


HOSTILE = [
    (b'{"name": "a\\u0000b"}', 400, "/name"),
    (b'{"name": "\\ud800"}', 400, "/name"),
    (b'{"name": "a", "counts": [1, 1' + b"0" * 100 + b"]}", 400, "/counts/1"),
    (b'{"name": "a", "counts": [1e999]}', 400, "/counts/0"),
    (b'{"name": "a", "name": "b"}', 400, ""),
    (b'{"name": "a", "counts": [NaN]}', 400, ""),
    (b'{"name": "a", "counts": [1, "2"]}', 400, "/counts/1"),
    (b'{"name": "a", "tenant_id": "b"}', 400, ""),
    (b'{"name": "a", "counts": ' + b"[" * 100_000, 400, ""),
    (b"[" * 100_000 + b"]" * 100_000, 400, ""),
    (b'{"name": "a"', 400, ""),
    (b"\xff\xfe", 400, ""),
    (b"", 400, ""),
    (b"null", 400, ""),
    (b'"' + b"a" * 1_000_000 + b'"', 413, None),
]


@pytest.mark.parametrize(("body", "status", "pointer"), HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_body_is_refused_quickly_and_at_its_place(
    probe: AsyncClient, body: bytes, status: int, pointer: str | None
) -> None:
    headers = {"Content-Type": "application/json"}

    answer = await probe.post("/probe/form", content=body, headers=headers)
    seconds: list[float] = []
    for _ in range(effort.RUNS):  # collecting garbage may fall into one of them
        begun = time.process_time()
        await probe.post("/probe/form", content=body, headers=headers)
        seconds.append(time.process_time() - begun)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [fault["pointer"] for fault in answer.json().get("errors", [])] == (
        [] if pointer is None else [pointer]
    )
    assert min(seconds) < 0.1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_a_body_of_another_kind_is_415(probe: AsyncClient, headers: dict[str, str]) -> None:
    answer = await probe.post("/probe/form", content=b'{"name": "a"}', headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/media-type-unsupported")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.x+json"]
)
async def test_json_by_any_of_its_names_is_read(probe: AsyncClient, kind: str) -> None:
    answer = await probe.post("/probe/form", content=b'{"name": "a"}', headers={"Content-Type": kind})
    assert answer.json() == {"name": "a", "counts": []}


async def test_a_body_one_byte_over_the_limit_is_413_however_it_is_sent(
    probe: AsyncClient, settings: Settings
) -> None:
    fitting = b'{"name": "' + b"a" * (settings.body_bytes_max - 12) + b'"}'

    async def in_pieces(body: bytes) -> AsyncGenerator[bytes]:
        for at in range(0, len(body), 1_000):
            yield body[at : at + 1_000]

    headers = {"Content-Type": "application/json"}
    statuses = [
        (await probe.post("/probe/form", content=body, headers=headers)).status_code
        for body in (fitting, fitting + b" ", in_pieces(fitting), in_pieces(fitting + b" "))
    ]

    assert statuses == [200, 413, 200, 413]


async def test_every_problem_type_leads_to_its_meaning(probe: AsyncClient) -> None:
    for code, kind in problems.concrete_errors().items():
        answer = await probe.get(f"/problems/{code}")
        assert answer.status_code == 200, code
        assert answer.json()["status"] == problems.status_of(kind)
        assert answer.json()["description"], code


async def test_a_problem_type_that_is_not_ours_is_404(probe: AsyncClient) -> None:
    answer = await probe.get("/problems/no-such-thing")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/problem-unknown")


@pytest.mark.parametrize(
    ("offered", "kept"),
    [
        ("0123456789abcdef", True),
        ("trace-1.2_3", True),
        ("short", False),
        ("a" * 129, False),
        ("abcdefgh ijk", False),
        ("abcdefgh\u00e9", False),
        ('abcdefgh","level":"x', False),
    ],
)
async def test_a_harmless_request_id_is_kept_and_any_other_replaced(
    probe: AsyncClient, offered: str, *, kept: bool
) -> None:
    answer = await probe.get("/nowhere", headers=[(b"X-Request-Id", offered.encode("latin-1"))])
    assert (answer.headers["x-request-id"] == offered) is kept
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_an_operation_that_forgot_its_scope_gets_at_no_tenant(
    probe: AsyncClient, caller: AsyncClient
) -> None:
    for headers in ({}, {"Authorization": caller.headers["Authorization"]}):
        answer = await probe.get("/probe/unguarded", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/token-missing")


async def test_a_caller_who_hangs_up_leaves_a_line_and_no_bug(probe: AsyncClient) -> None:
    async def never_sent() -> AsyncGenerator[bytes]:
        yield b"{"
        raise ConnectionResetError

    with capture_logs() as lines, contextlib.suppress(ConnectionResetError):
        await probe.post("/probe/form", content=never_sent(), headers={"Content-Type": "application/json"})

    assert [line["event"] for line in lines].count("request") == 1
