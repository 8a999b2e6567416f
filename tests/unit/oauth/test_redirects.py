"""Where answers may go: exactly where it is registered, but for the port of a loopback address."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.oauth import redirects

WEB = "https://app.test/cb"
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize(
    ("registered", "asked", "matches"),
    [
        (WEB, WEB, True),
        (WEB, "https://app.test/cb/", False),
        (WEB, "https://app.test:443/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb", True),
        ("http://127.0.0.1:80/cb", "http://127.0.0.1/cb", True),
        ("http://127.0.0.1:80/cb", "http://127.0.0.1:65535/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:080/cb", False),
        ("http://127.0.0.1/cb?a=1", "http://127.0.0.1:1/cb?a=1", True),
        ("http://127.0.0.1/cb?a=1", "http://127.0.0.1:1/cb?a=2", False),
        ("http://[::1]/cb", "http://[::1]:9/cb", True),
        ("http://[::1]/cb", "http://127.0.0.1:9/cb", False),
        ("http://localhost/cb", "http://localhost:9/cb", False),
        ("http://127.0.0.1", "http://127.0.0.1:9", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:9@evil.test/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.test/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:9/cb#", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:\u0661/cb", False),
    ],
)
def test_a_redirect_uri_is_the_registered_one(registered: str, asked: str, *, matches: bool) -> None:
    assert redirects.is_registered(asked, [registered]) is matches


@given(asked=TEXT.map(lambda tail: f"http://127.0.0.1{tail}"))
def test_what_is_let_through_for_its_port_leads_to_this_machine(asked: str) -> None:
    if redirects.is_registered(asked, ["http://127.0.0.1/cb"]):
        parts = urlsplit(asked)
        assert (parts.scheme, parts.hostname, parts.username) == ("http", "127.0.0.1", None)
        assert (parts.path, parts.query, parts.fragment) == ("/cb", "", "")


@given(asked=TEXT, registered=st.lists(TEXT, max_size=3))
def test_anything_else_has_to_be_equal(asked: str, registered: list[str]) -> None:
    assert redirects.is_registered(asked, registered) is (asked in registered)


@given(state=TEXT)
@pytest.mark.parametrize("uri", [WEB, f"{WEB}?", f"{WEB}?tenant=acme&x=%20"])
def test_parameters_are_added_to_those_that_are_registered(uri: str, state: str) -> None:
    location = redirects.with_parameters(uri, [("state", state), ("iss", "http://rooted.test")])

    before = parse_qsl(urlsplit(uri).query, keep_blank_values=True)
    after = parse_qsl(urlsplit(location).query, keep_blank_values=True)
    assert after == [*before, ("state", state), ("iss", "http://rooted.test")]
    assert location.startswith(WEB)
    assert location.isprintable()
