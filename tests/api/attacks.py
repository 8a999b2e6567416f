"""What an attack on the authorization server is, and the answers that it may get."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from httpx2 import Response

from tests.api.scene import ISSUER, Scene, sent_back

Act = Callable[[Scene], Awaitable[Response]]
Check = Callable[[Response], None]


@dataclass(frozen=True)
class Attack:
    """One attack: what is done, whose answer counts, and what that answer has to be."""

    name: str
    act: Act
    check: Check


def _is_page(answer: Response, status: int) -> None:
    assert answer.status_code == status, (answer.status_code, answer.headers, answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert "location" not in answer.headers


def error_page(answer: Response) -> None:
    """An error page, and no redirect to anywhere."""
    _is_page(answer, 400)


def asked(answer: Response) -> None:
    """The person is asked: no attack, or one that is stopped by a person's no."""
    _is_page(answer, 200)
    assert 'value="allow"' in answer.text


def log_in_first(answer: Response) -> None:
    """Nothing is said to the client before a person is known."""
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")


def invalid_client(answer: Response) -> None:
    """The one answer of every client that has not proved who it is."""
    description = "The client is not known, or has not proved who it is."
    assert answer.status_code == 401
    assert answer.text == f'{{"error":"invalid_client","error_description":"{description}"}}'
    assert answer.headers["www-authenticate"] == 'Basic realm="rooted"'
    assert answer.headers["cache-control"] == "no-store"


def forged(answer: Response) -> None:
    """A form that did not come from our page: nothing is granted."""
    assert answer.status_code == 403, (answer.status_code, answer.text)
    assert "location" not in answer.headers


def back_with(error: str) -> Check:
    """The person is sent back to the client with this error, the state, and who we are."""

    def check(answer: Response) -> None:
        assert answer.status_code == 303, (answer.status_code, answer.text)
        said = sent_back(answer)
        assert (said["error"], said["iss"], said["state"]) == (error, ISSUER, "state-1")
        assert "code" not in said

    return check


def refused(error: str, status: int = 400) -> Check:
    """An error in the shape of RFC 6749 §5.2."""

    def check(answer: Response) -> None:
        assert (answer.status_code, answer.json().get("error")) == (status, error), answer.text
        assert set(answer.json()) == {"error", "error_description"}
        assert "location" not in answer.headers

    return check


def problem(status: int, code: str) -> Check:
    """The API's own refusal."""

    def check(answer: Response) -> None:
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}"), answer.text

    return check


def says(status: int, **body: object) -> Check:
    """This answer, with at least these fields."""

    def check(answer: Response) -> None:
        assert answer.status_code == status, answer.text
        found = answer.json()
        assert {name: found.get(name) for name in body} == body

    return check


inactive: Check = says(200, active=False)
token_invalid: Check = problem(401, "token-invalid")
