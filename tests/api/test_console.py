"""`rooted log-in`: from the address that it shows to a token that the API takes."""

import asyncio
from typing import Any, cast

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from hypothesis import example, given
from hypothesis import strategies as st

from service import console
from service.console import Attempt, LogInFailed
from tests.api.scene import ISSUER, Scene

ATTEMPT = Attempt("state", "verifier")
WHOLE = {"state": "state", "iss": ISSUER, "code": "code"}
NOT_OURS = ("/favicon.ico", "/callback", "/callback?state=other&code=code", "/callback?error=access_denied")
"""What others may ask of the listener meanwhile."""


async def _logged_in(scene: Scene, **decision: str) -> tuple[console.Token, Response]:
    """The token, and the page that the browser shows in the end."""
    addresses: asyncio.Queue[str] = asyncio.Queue()
    transport = ASGITransport(cast("Any", scene.app))
    asked = ("tenant:read", "requests:read")
    async with asyncio.TaskGroup() as tasks, AsyncClient() as browser:
        token = tasks.create_task(
            console.log_in(ISSUER, scopes=asked, show=addresses.put_nowait, transport=transport)
        )
        page = await scene.browser.get(await addresses.get())
        answer = await scene.answer(page, **decision)
        address = answer.headers["location"]
        listener = address.partition("/callback")[0]
        others = [await browser.get(listener + path) for path in NOT_OURS]
        shown = await browser.get(address)
        assert {each.status_code for each in others} == {404}
    return await token, shown


async def test_who_logs_in_by_a_browser_has_a_token_on_the_command_line(scene: Scene) -> None:
    token, shown = await _logged_in(scene)

    asked = await scene.http.get("/v1/tenant", headers={"Authorization": f"Bearer {token.access_token}"})

    assert asked.json()["id"] == str(scene.tenant.id)
    assert token.scope == "requests:read tenant:read"
    assert "Logged in" in shown.text


async def test_who_says_no_gives_no_token(scene: Scene) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await _logged_in(scene, decision="deny")

    assert caught.group_contains(LogInFailed, match="The server refused")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (WHOLE | {"state": "other"}, "another log-in"),
        ({"code": "code", "iss": ISSUER}, "another log-in"),
        (WHOLE | {"iss": "https://evil.example"}, "another server"),
        ({"state": "state", "code": "code"}, "another server"),
        ({"state": "state", "iss": ISSUER, "error": "access_denied"}, "access_denied"),
        ({"state": "state", "iss": ISSUER}, "no code"),
    ],
)
def test_an_answer_that_is_not_ours_is_refused(answer: dict[str, str], told: str) -> None:
    with pytest.raises(LogInFailed, match=told):
        console.code_of(answer, ATTEMPT, issuer=ISSUER)


def test_the_answer_to_this_attempt_counts() -> None:
    assert console.code_of(WHOLE, ATTEMPT, issuer=ISSUER) == "code"


@example(request=b"GET //[ HTTP/1.1\r\n")
@given(request=st.binary(max_size=200))
def test_whatever_comes_to_the_listener_is_no_callback_unless_it_is_one(request: bytes) -> None:
    assert console.callback_of(request) is None or request.startswith(b"GET /callback")


async def test_no_server_is_told_as_such() -> None:
    with pytest.raises(LogInFailed, match="No authorization server answers"):
        await console.log_in("http://127.0.0.1:1", scopes=(), show=print)
