from collections.abc import Callable

import httpx2
import pytest
from httpx2 import AsyncClient, MockTransport, Request, Response
from hypothesis import given
from hypothesis import strategies as st

from service.replay import client as clients
from service.replay.client import FIRST_PATIENCE_SECONDS, WAIT_SECONDS_MAX, Access, Client
from service.replay.errors import AddressUnusable, AnswerUnreadable, ReplayRefused, ServerUnreachable

ACCESS = Access(base_url="http://127.0.0.1:1", client_id="desk.1", client_secret="s3cret")  # noqa: S106 - of nobody
DONE = Response(201, json={"id": "1"})


class _Server:
    """Answers what it was given, in turn, and keeps what it was sent."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[Request] = []
        self.tokens = 0
        self.waited: list[float] = []

    def __call__(self, request: Request) -> Response:
        if request.url.path == "/oauth/token":
            self.tokens += 1
            return Response(200, json={"access_token": f"token-{self.tokens}", "expires_in": 900})
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def wait(self, seconds: float) -> None:
        self.waited.append(seconds)

    def client(self, *, patience_seconds: float = 10) -> Client:
        http = AsyncClient(transport=MockTransport(self), base_url=ACCESS.base_url)
        return Client(http, ACCESS, patience_seconds=patience_seconds, wait=self.wait, jitter=lambda: 0.5)


def _problem(status: int, code: str = "x", **more: object) -> Response:
    return Response(status, json={"type": f"/problems/{code}", "detail": "No.", **more})


@pytest.mark.parametrize(
    ("obstacle", "cause"),
    [
        (httpx2.ConnectError("refused"), "ConnectError"),
        (httpx2.RemoteProtocolError("closed"), "RemoteProtocolError"),
        (httpx2.ReadTimeout("slow"), "ReadTimeout"),
        (_problem(503), "503"),
        (_problem(429), "429"),
        (Response(502, text="<html>"), "502"),
        (_problem(409, "idempotency-key-in-flight"), "409"),
    ],
)
async def test_what_passes_is_sent_again_with_the_same_key(
    obstacle: Response | Exception, cause: str
) -> None:
    server = _Server(obstacle, obstacle, DONE)
    client = server.client()

    answer = await client.post("/v1/requests", {"a": 1}, key="k1")

    assert answer.status == 201
    assert [request.headers["Idempotency-Key"] for request in server.sent] == ["k1"] * 3
    assert len({request.content for request in server.sent}) == 1
    assert client.repeats == {cause: 2}


async def test_the_server_says_how_long_to_wait() -> None:
    server = _Server(Response(503, headers={"Retry-After": "3"}), DONE)

    await server.client().post("/v1/requests", {}, key="k1")

    assert server.waited == [3.0]


async def test_patience_ends_and_says_that_the_replay_can_go_on() -> None:
    server = _Server(*[httpx2.ConnectError("refused")] * 100)

    with pytest.raises(ServerUnreachable, match=r"ConnectError.*run the same command again"):
        await server.client().post("/v1/requests", {}, key="k1")

    assert 10 <= sum(server.waited) <= 10 + WAIT_SECONDS_MAX


async def test_an_expired_token_is_renewed_once() -> None:
    server = _Server(_problem(401), DONE)

    answer = await server.client().post("/v1/requests", {}, key="k1")

    assert answer.status == 201
    assert [request.headers["Authorization"] for request in server.sent] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_what_no_other_row_would_change_ends_the_replay(status: int) -> None:
    server = _Server(_problem(status), _problem(status))

    with pytest.raises(ReplayRefused, match=f"POST /v1/requests with {status}: No."):
        await server.client().post("/v1/requests", {}, key="k1")


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_a_refusal_is_an_answer_with_its_reasons(status: int) -> None:
    server = _Server(_problem(status, errors=[{"pointer": "/facts", "detail": "odd"}]))

    answer = await server.client().post("/v1/requests", {}, key="k1")

    assert str(answer.problem) == "No. (/facts: odd)"


async def test_pages_are_followed_to_their_end() -> None:
    server = _Server(
        Response(200, json={"items": [1, 2], "next": "c1"}), Response(200, json={"items": [3], "next": None})
    )

    found = [item async for item in server.client().items("/v1/commitments", int, outcome="broken")]

    assert found == [1, 2, 3]
    assert [request.url.params.get("cursor") for request in server.sent] == [None, "c1"]
    assert {request.url.params.get("outcome") for request in server.sent} == {"broken"}


async def test_a_server_that_never_answered_is_not_waited_for_long() -> None:
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    def refuse(_: Request) -> Response:
        raise httpx2.ConnectError("refused")

    http = AsyncClient(transport=MockTransport(refuse), base_url=ACCESS.base_url)
    with pytest.raises(ServerUnreachable):
        await Client(http, ACCESS, wait=wait).token()

    assert FIRST_PATIENCE_SECONDS <= sum(waited) <= FIRST_PATIENCE_SECONDS + WAIT_SECONDS_MAX


async def test_another_server_is_told_from_this_api() -> None:
    other = AsyncClient(
        transport=MockTransport(lambda _: Response(200, text="<html>")), base_url=ACCESS.base_url
    )

    with pytest.raises(AnswerUnreadable, match=r"http://127\.0\.0\.1:1/oauth/token does not answer"):
        await Client(other, ACCESS).token()


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "localhost", "ftp://x", "http://", "\x00"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(AddressUnusable, match="such as http://"):
        clients.open_http(url, connections=1)


async def test_bad_credentials_are_told_as_such() -> None:
    def refuse(_: Request) -> Response:
        return Response(401, json={"error": "invalid_client", "error_description": "Unknown client."})

    client = Client(AsyncClient(transport=MockTransport(refuse), base_url=ACCESS.base_url), ACCESS)

    with pytest.raises(ReplayRefused, match=r"client id and secret with 401: Unknown client\."):
        await client.token()


def test_the_secret_is_not_shown() -> None:
    assert "s3cret" not in repr(ACCESS)


@given(attempt=st.integers(0, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_waiting_grows_and_stays_bounded(attempt: int, jitter: float) -> None:
    backoff: Callable[[int, float], float] = clients.backoff_seconds

    assert 0 < backoff(attempt, jitter) <= WAIT_SECONDS_MAX
    assert backoff(attempt, jitter) <= backoff(attempt + 1, jitter)


@given(parts=st.lists(st.text(), min_size=1, max_size=3), other=st.lists(st.text(), min_size=1, max_size=3))
def test_a_key_names_one_intention(parts: list[str], other: list[str]) -> None:
    key = clients.key_of(*parts)

    assert key.isascii()
    assert key.isprintable()
    assert 1 <= len(key) <= 255
    assert (key == clients.key_of(*other)) == (parts == other)
