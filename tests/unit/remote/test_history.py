"""A log on its way into a tenant: what is sent together, and what becomes of what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient, MockTransport, Request, Response
from hypothesis import given
from hypothesis import strategies as st

from service.remote import history
from service.remote.errors import LogDiffers, NothingTaken
from service.remote.history import Encoded, Imported, Source
from service.replay import commands, log
from service.replay.client import Access, Client
from service.replay.errors import ReplayRefused

BY_CASE = Path(__file__).parents[3] / "examples" / "by-case"
ACCESS = Access(base_url="http://127.0.0.1:1", token="t")  # noqa: S106 - of nobody
SHA = "0f" * 32


class _Server:
    """An API of logs in memory, which refuses what it is told to.

    Attributes:
        bytes_max: of a body; more is 413.
        rejects: external ids of cases that make the whole call a 400.
    """

    def __init__(self, *, bytes_max: int = 10**6, rejects: frozenset[str] = frozenset()) -> None:
        self.bytes_max = bytes_max
        self.rejects = rejects
        self.log: dict[str, Any] | None = None
        self.cases: dict[str, Any] = {}
        self.calls: list[str] = []

    def __call__(self, request: Request) -> Response:
        self.calls.append(f"{request.method} {request.url.path}")
        body: dict[str, Any] = json.loads(request.content or b"{}")
        if request.method == "GET":
            return Response(200, json={"items": [self.log] if self.log else [], "next": None})
        if request.url.path == history.LOGS:
            self.log = {"id": "1", "state": "open", "cases": 0, **body}
            return Response(201, json=self.log)
        assert self.log is not None
        if request.url.path.endswith("/complete"):
            self.log |= {"state": "complete", "bad_rows": body["bad_rows"]}
            return Response(200, json=self.log)
        return self._take(body["cases"], size=len(request.content))

    def _take(self, cases: list[dict[str, Any]], *, size: int) -> Response:
        names = [case["submission"]["external_id"] for case in cases]
        if size > self.bytes_max:
            return Response(413, json={"detail": "Too large."})
        if self.rejects & set(names):
            return Response(400, json={"detail": "Malformed."})
        taken = [{"external_id": name, "fate": "known" if name in self.cases else "added"} for name in names]
        self.cases |= dict(zip(names, cases, strict=True))
        assert self.log is not None
        self.log["cases"] = len(self.cases)
        return Response(200, json={"log": self.log, "cases": taken})


async def _bring_in(server: _Server, *, sha: str = SHA, limit: int | None = None) -> Imported:
    mapping = commands.read_mapping(BY_CASE / "mapping.yaml")
    with log.read_cases(BY_CASE / "log.csv", mapping, limit=limit) as cases:
        source = Source(name="June", source=mapping.source, mapping_sha256=sha, cases=cases)
        async with AsyncClient(transport=MockTransport(server), base_url=ACCESS.base_url) as http:
            return await history.bring_in(
                Client(http, ACCESS), source, total=cases.count(), advance=lambda _: None
            )


async def test_what_is_sent_is_what_a_replay_would_send() -> None:
    server = _Server()

    imported = await _bring_in(server)

    with commands.prepared(
        commands.Files(mapping=BY_CASE / "mapping.yaml", log=BY_CASE / "log.csv", policies=[], calendars=[])
    ) as prepared:
        steps = sorted(prepared.plan.steps, key=lambda step: (step.case, step.ordinal))
    replayed: dict[str, list[Any]] = {}
    for step in steps:
        replayed.setdefault(step.case, []).append(json.loads(json.dumps(step.body)))
    sent = {name: [case["submission"], *case["events"]] for name, case in server.cases.items()}
    assert sent == replayed
    assert imported.fates == {"added": len(replayed)}
    assert server.log is not None
    assert server.log["state"] == "complete"


async def test_a_body_that_is_too_large_is_sent_in_parts() -> None:
    whole, small = _Server(), _Server(bytes_max=2_000)

    await _bring_in(whole)
    imported = await _bring_in(small)

    assert small.cases == whole.cases
    assert imported.fates == {"added": len(whole.cases)}
    assert len(small.calls) > len(whole.calls)


async def test_a_case_that_spoils_its_batch_is_refused_alone_with_its_line() -> None:
    whole = _Server()
    await _bring_in(whole)
    spoilt = sorted(whole.cases)[1]
    server = _Server(rejects=frozenset({spoilt}))

    imported = await _bring_in(server)

    assert server.cases == {name: case for name, case in whole.cases.items() if name != spoilt}
    assert imported.fates["refused"] == 1
    (refusal,) = imported.refusals
    assert (refusal.external_id, refusal.reason) == (spoilt, "Malformed.")
    lines = (BY_CASE / "log.csv").read_text().splitlines()
    assert spoilt in lines[refusal.line - 1]


async def test_an_import_that_was_cut_short_goes_on_and_doubles_nothing() -> None:
    server = _Server()
    await _bring_in(server, limit=2)
    assert server.log is not None
    server.log["state"] = "open"

    imported = await _bring_in(server)

    assert imported.fates["known"] == 2
    assert imported.fates.total() == len(server.cases) == imported.log.cases
    assert server.calls.count(f"POST {history.LOGS}") == 1


async def test_a_complete_log_is_there_already() -> None:
    server = _Server()
    first = await _bring_in(server)
    calls = len(server.calls)

    again = await _bring_in(server)

    assert again.fates == {"known": first.log.cases}
    assert server.calls[calls:] == [f"GET {history.LOGS}"]


async def test_a_log_of_which_some_was_refused_is_there_already_too() -> None:
    whole = _Server()
    await _bring_in(whole)
    server = _Server(rejects=frozenset(sorted(whole.cases)[:2]))
    first = await _bring_in(server)

    again = await _bring_in(server)

    assert again.fates == {"known": first.log.cases} == {"known": len(whole.cases) - 2}


@pytest.mark.parametrize(
    ("sha", "limit", "reason"),
    [("1e" * 32, None, "read by another mapping"), (SHA, 3, "complete, of .* where the file has 3")],
    ids=["another mapping", "another number of cases"],
)
async def test_another_log_of_the_same_name_is_not_mixed_in(sha: str, limit: int | None, reason: str) -> None:
    server = _Server()
    await _bring_in(server)

    with pytest.raises(LogDiffers, match=reason):
        await _bring_in(server, sha=sha, limit=limit)


async def test_a_log_of_which_nothing_was_taken_is_not_completed() -> None:
    server = _Server(bytes_max=10)

    with pytest.raises(NothingTaken, match=r"None of the \d+ cases .* Too large"):
        await _bring_in(server)

    assert server.log is not None
    assert server.log["state"] == "open"


async def test_a_log_that_the_tenant_has_no_room_for_says_so() -> None:
    def refuse(request: Request) -> Response:
        if request.method == "GET":
            return Response(200, json={"items": [], "next": None})
        return Response(409, json={"type": "/problems/history-logs-too-many", "detail": "Delete one."})

    mapping = commands.read_mapping(BY_CASE / "mapping.yaml")
    with log.read_cases(BY_CASE / "log.csv", mapping) as cases:
        source = Source(name="June", source="x", mapping_sha256=SHA, cases=cases)
        async with AsyncClient(transport=MockTransport(refuse), base_url=ACCESS.base_url) as http:
            with pytest.raises(ReplayRefused, match="'June' with 409: Delete one"):
                await history.bring_in(Client(http, ACCESS), source, total=1, advance=lambda _: None)


@given(
    sizes=st.lists(st.integers(1, 50), max_size=40),
    cases_max=st.integers(1, 10),
    bytes_max=st.integers(1, 120),
)
def test_batches_hold_every_case_once_in_order_and_keep_within_their_bounds(
    sizes: list[int], cases_max: int, bytes_max: int
) -> None:
    cases = [Encoded(str(at), at, b"x" * size) for at, size in enumerate(sizes)]

    found = list(history.batches(cases, cases_max=cases_max, bytes_max=bytes_max))

    assert [case for batch in found for case in batch] == cases
    for batch in found:
        assert 1 <= len(batch) <= cases_max
        assert len(batch) == 1 or sum(len(case.body) for case in batch) <= bytes_max
