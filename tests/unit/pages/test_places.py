"""Where a page may send its reader: never away from here."""

from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.pages import places
from service.api.pages.places import HOME

HERE = "https://rooted.example"
HOSTILE = (
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/ /evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "?next=//evil.example",
    "#x",
    "",
    ".",
    "/\u2028/evil.example",
    "/account\r\nSet-Cookie: a=b",
    "/\x00",
    "/ü",
    "/<script>",
    '/"onload=',
    "@evil.example",
    "http:evil.example",
    "/" + "a" * 5_000,
)


@pytest.mark.parametrize("offered", [*HOSTILE, None])
def test_what_could_lead_elsewhere_leads_home(offered: str | None) -> None:
    assert places.local_place(offered) == HOME


@pytest.mark.parametrize(
    "offered",
    [
        "/account",
        "/",
        "/oauth/authorize?client_id=a.b&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=x~y",
        "/invitation/0123.abc-_",
        "/%2F/evil.example",
        "/a//b",
    ],
)
def test_a_path_of_ours_is_kept_as_it_is(offered: str) -> None:
    assert places.local_place(offered) == offered


@given(
    pieces=st.lists(
        st.one_of(
            st.sampled_from(
                ("/", "\\", "//", "evil.example", "https:", "@", "%2f", "%5c", "\t", "\n", "..", "?", "#")
            ),
            st.text(max_size=4),
        ),
        max_size=8,
    )
)
def test_no_place_ever_leads_away(pieces: list[str]) -> None:
    offered = "".join(pieces)
    for each in (offered, quote(offered), "/" + offered, "/" + quote(offered, safe="")):
        _stays_here(places.local_place(each))


@given(offered=st.text())
def test_the_way_onward_stays_here_too(offered: str) -> None:
    place = places.local_place(offered)
    for each in (places.onward(place), places.with_next("/login", place)):
        _stays_here(each)


def test_only_the_way_to_an_application_leads_over_a_page_in_between() -> None:
    assert places.onward("/account") == "/account"
    assert places.onward("/oauth/authorize?a=b") == "/login/onward?next=%2Foauth%2Fauthorize%3Fa%3Db"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://rooted.example", "https://rooted.example"),
        ("https://rooted.example:443/x?y#z", "https://rooted.example"),
        ("https://Rooted.Example:8443", "https://rooted.example:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://rooted.example:80", "http://rooted.example"),
    ],
)
def test_an_origin_is_written_as_browsers_do(url: str, origin: str) -> None:
    assert places.origin_of(url) == origin


@pytest.mark.parametrize(
    "url", ["rooted.example", "ftp://rooted.example", "https://", "", "//rooted.example"]
)
def test_what_has_no_origin_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an http"):
        places.origin_of(url)


@pytest.mark.parametrize(
    ("redirect_uri", "target"),
    [
        ("https://app.example/callback?x=1", "https://app.example"),
        ("https://app.example:8443/callback", "https://app.example:8443"),
        ("http://127.0.0.1:51004/callback", "http://127.0.0.1:51004"),
        ("http://[::1]:51004/callback", "http:"),
        ("org.example.app:/callback", "org.example.app:"),
    ],
)
def test_a_form_may_end_at_exactly_the_origin_that_the_answer_goes_to(redirect_uri: str, target: str) -> None:
    assert places.form_target(redirect_uri) == target


@pytest.mark.parametrize(
    ("redirect_uri", "destination"),
    [
        ("https://app.example:8443/callback?x=1", "app.example"),
        ("https://harbour.example@evil.example/callback", "evil.example"),
        ("http://127.0.0.1:51004/callback", "An app on this device"),
        ("http://[::1]:51004/callback", "An app on this device"),
        ("org.example.app:/callback", "An app on this device (org.example.app)"),
    ],
)
def test_a_person_is_told_who_gets_the_answer(redirect_uri: str, destination: str) -> None:
    assert places.destination(redirect_uri) == destination


@given(url=st.text())
def test_nothing_in_an_address_can_add_to_the_policy(url: str) -> None:
    try:
        target = places.form_target(url)
    except ValueError:
        return
    assert not set(target) & set(" ;,'\"\r\n\t")


def _stays_here(place: str) -> None:
    """As a browser would resolve it, which takes a backslash for a slash and drops tabs and line breaks."""
    dropped = place.translate({ord(each): None for each in "\t\r\n"}).strip(" ").replace("\\", "/")
    assert dropped == place
    assert place.startswith("/")
    assert urlsplit(urljoin(HERE, place)).netloc == urlsplit(HERE).netloc
