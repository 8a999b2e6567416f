"""Where a demand belongs instead: the address of the channel has what was typed, as far as it may."""

from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import RequestId
from service.rationalization.arrangements import redirects
from service.rationalization.matters import Matter
from service.rationalization.verdicts import Channel
from service.rules.vocabulary import RequestType

URL = "https://portal.example/form"


def _matter(title: str | None = "A new badge", **facts: Any) -> Matter:
    return Matter(
        request_id=RequestId(UUID(int=1)),
        client_id=None,
        service_id=None,
        type=RequestType.SERVICE_REQUEST,
        source="desk",
        external_id="REQ-1",
        title=title,
        contact_id=None,
        submitted_by=None,
        facts=facts,
    )


def _link(matter: Matter, url: str = URL, **fields: str) -> str:
    return redirects.carried(matter, Channel(name="Portal", url=url, fields=fields))["link"]


@pytest.mark.parametrize(
    ("fact", "link"),
    [
        ("request.title", f"{URL}?q=A%20new%20badge"),
        ("request.type", f"{URL}?q=service_request"),
        ("request.external_id", f"{URL}?q=REQ-1"),
        ("request.custom.site", f"{URL}?q=Lyon%20%26%20Brest"),
        ("request.custom.floors", f"{URL}?q=3"),
        ("request.custom.urgent", f"{URL}?q=true"),
        ("request.custom", URL),
        ("request.custom.site.street", URL),
        ("request.custom.nowhere", URL),
        ("request.custom.tags", URL),
    ],
)
def test_a_link_has_what_is_a_single_value(fact: str, link: str) -> None:
    custom = {"site": "Lyon & Brest", "floors": 3, "urgent": True, "tags": ["a", "b"]}

    assert _link(_matter(custom=custom), q=fact) == link


def test_a_link_goes_on_from_the_parameters_of_its_channel() -> None:
    assert _link(_matter(), f"{URL}?lang=fr", q="request.source") == f"{URL}?lang=fr&q=desk"


def test_what_would_make_a_link_too_long_is_left_out_and_what_fits_stays() -> None:
    long = _matter("x" * redirects.LINK_MAX)

    assert _link(long, title="request.title", source="request.source") == f"{URL}?source=desk"


def test_all_that_was_typed_is_carried_along() -> None:
    carried = redirects.carried(_matter(category="badge"), Channel(name="Portal", url=URL))

    assert carried == {
        "title": "A new badge",
        "type": "service_request",
        "source": "desk",
        "external_id": "REQ-1",
        "facts": {"category": "badge"},
        "link": URL,
    }


@given(value=st.text(min_size=1, max_size=300))
def test_whatever_was_typed_is_one_parameter_of_the_link_or_none(value: str) -> None:
    link = _link(_matter(custom={"site": value}), q="request.custom.site")

    found = urlsplit(link)
    assert len(link) <= redirects.LINK_MAX
    assert (found.scheme, found.netloc, found.path, found.fragment) == (
        "https",
        "portal.example",
        "/form",
        "",
    )
    assert parse_qs(found.query, keep_blank_values=True) in ({}, {"q": [value]})
