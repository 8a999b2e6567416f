"""The link by which a requester reads what was decided: what it shows, takes, and gives away to nobody."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from litestar import Litestar
from sqlalchemy import select

from service.audit.models import AuditRecordRow
from service.db import Sessions, tenant_transaction
from service.mail.models import MailRow
from service.people.domain.throttle import LIMITS, Kind
from service.rationalization.wording.models import ArrangementLinkRow
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.conftest import ISSUER, SignIn
from tests.factories import NOON

TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
RULES = [
    kinds.rule("no", "request.category == 'no'", {"verdict": "decline", "objections": kinds.DESK}),
    kinds.rule(
        "later",
        "request.category == 'later'",
        {
            "verdict": "adjust",
            "proposal": {
                "window": {"not_before_seconds": 3600},
                "priority": "P4",
                "scope": "<b>One</b> site",
            },
        },
    ),
    kinds.rule(
        "elsewhere",
        "request.category == 'elsewhere'",
        {"verdict": "redirect", "channel": {"name": "Portal", "url": "https://portal.example/new"}},
    ),
]
NOT_KEPT = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-frame-options": "DENY"}


@dataclass(frozen=True, slots=True)
class Desk:
    """A service desk with requests of a person who speaks German.

    Attributes:
        browser: of whoever has the link.
    """

    staff: AsyncClient
    browser: AsyncClient

    async def asked(self, category: str, **more: Any) -> dict[str, Any]:
        said = {"title": "Printer", "requester": "P-1", "facts": {"category": category, "priority": "P1"}}
        return await desk.submitted(self.staff, type="change", **(said | more))

    async def link(self, request: dict[str, Any], **wanted: Any) -> str:
        path = f"/v1/arrangements/{request['arrangement_id']}/links"
        given = await desk.created(self.staff, path, wanted)
        return given["url"].removeprefix(ISSUER)

    async def send(self, link: str, **values: str) -> Response:
        shown = TOKEN.search((await self.browser.get(link)).text)
        return await self.browser.post(link, data={"form_token": shown[1] if shown else "", **values})

    async def state(self, request: dict[str, Any]) -> str:
        return (await self.staff.get(f"/v1/arrangements/{request['arrangement_id']}")).json()["state"]

    async def objections(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        found = await self.staff.get("/v1/objections", params={"request_id": request["id"]})
        return found.json()["items"]


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def browser(app: Litestar) -> AsyncGenerator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER) as opened:
        yield opened


@pytest.fixture
async def harbour(browser: AsyncClient, sign_in: SignIn) -> Desk:
    staff = await sign_in()
    await desk.set_up(staff)
    await kinds.in_effect(staff, "rationalization", {"rules": RULES})
    contact = {"name": "Ada", "external_id": "P-1", "language": "de-DE", "time_zone": "Europe/Berlin"}
    await desk.created(staff, "/v1/contacts", contact)
    return Desk(staff, browser)


async def test_the_page_says_what_is_offered_in_the_requesters_language_and_time(harbour: Desk) -> None:
    page = await harbour.browser.get(await harbour.link(await harbour.asked("later")))

    assert page.status_code == 200
    assert '<html lang="de">' in page.text
    for said in (
        "Was stattdessen angeboten wird",
        "P4",
        "Because of later.",
        "Montag, 5. Januar 2026, 14:00",
    ):
        assert said in page.text
    assert "&lt;b&gt;One&lt;/b&gt; site" in page.text
    assert "<b>One" not in page.text
    assert "<script" not in page.text
    assert {name: page.headers[name] for name in NOT_KEPT} == NOT_KEPT
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_page_in_a_language_that_is_not_the_requesters_says_instants_in_its_own(
    harbour: Desk,
) -> None:
    contact = {"name": "Mei", "external_id": "P-2", "language": "zh-TW", "time_zone": "Asia/Taipei"}
    await desk.created(harbour.staff, "/v1/contacts", contact)

    page = await harbour.browser.get(await harbour.link(await harbour.asked("later", requester="P-2")))

    assert '<html lang="en">' in page.text
    assert "<dt>Start</dt><dd>Monday, 5 January 2026, 21:00 GMT+08:00</dd>" in page.text
    assert "月" not in page.text


async def test_a_reader_whose_own_language_has_no_words_is_told_in_one_that_its_browser_asks_for(
    harbour: Desk,
) -> None:
    contact = {"name": "Mei", "external_id": "P-2", "language": "zh-TW", "time_zone": "Asia/Taipei"}
    await desk.created(harbour.staff, "/v1/contacts", contact)
    link = await harbour.link(await harbour.asked("later", requester="P-2"))

    page = await harbour.browser.get(link, headers={"Accept-Language": "zh-TW, fr-CA;q=0.8, en;q=0.6"})

    assert '<html lang="fr">' in page.text
    assert "<dt>Début</dt><dd>lundi 5 janvier 2026, 21 h 00 UTC+08:00</dd>" in page.text


async def test_a_type_of_request_is_offered_in_words(harbour: Desk) -> None:
    proposal = {"verdict": "adjust", "proposal": {"type": "service_request"}}
    rule = kinds.rule("typed", "request.category == 'typed'", proposal)
    await kinds.in_effect(harbour.staff, "rationalization", {"rules": [rule]})
    request = await harbour.asked("typed")

    page = await harbour.browser.get(await harbour.link(request))

    assert "<dt>Art der Anfrage</dt><dd>Serviceanfrage</dd>" in page.text
    assert "service_request" not in page.text


@pytest.mark.parametrize("turning", ["\u202e", "\u2066"])
async def test_nothing_on_the_page_is_turned_round(harbour: Desk, turning: str) -> None:
    request = await harbour.asked("later", title=f"Pay{turning}lla", external_id=f"CHG{turning}1")

    page = await harbour.browser.get(await harbour.link(request))

    assert "Pay\N{REPLACEMENT CHARACTER}lla (CHG\N{REPLACEMENT CHARACTER}1)" in page.text
    assert turning not in page.text


async def test_to_look_at_it_changes_nothing(harbour: Desk) -> None:
    request = await harbour.asked("later")
    link = await harbour.link(request)

    for _ in range(3):
        await harbour.browser.get(link)

    assert await harbour.state(request) == "proposed"


async def test_a_counter_proposal_is_accepted_once_and_the_requester_is_thanked(harbour: Desk) -> None:
    request = await harbour.asked("later")
    link = await harbour.link(request)

    accepted = await harbour.send(link, reply="accept")
    again = await harbour.browser.get(link)

    assert accepted.status_code == 200, accepted.text
    assert "Vielen Dank" in accepted.text
    assert await harbour.state(request) == "agreed"
    assert "<form" not in again.text
    assert "Was angeboten wurde, ist vereinbart." in again.text


async def test_whoever_objects_to_a_counter_proposal_says_why(harbour: Desk) -> None:
    request = await harbour.asked("later")
    link = await harbour.link(request)

    silent = await harbour.send(link, reply="object", why="  ")
    objected = await harbour.send(link, reply="object", why="Morgen ist Messe.")

    assert (silent.status_code, "Sagen Sie, warum." in silent.text) == (422, True)
    assert (objected.status_code, "Ihr Widerspruch ist eingegangen." in objected.text) == (200, True)
    assert await harbour.state(request) == "objected"
    for said in (
        "<dt>Grund</dt><dd>Because of later.</dd>",
        "<dt>Ihr Widerspruch</dt><dd>Morgen ist Messe.</dd>",
    ):
        assert said in objected.text
    (objection,) = await harbour.objections(request)
    assert objection["words"] == "Morgen ist Messe."


@pytest.mark.parametrize("category", ["no", "elsewhere"])
async def test_what_ended_a_request_is_objected_to_on_the_page(harbour: Desk, category: str) -> None:
    request = await harbour.asked(category)
    link = await harbour.link(request)

    accepted = await harbour.send(link, reply="accept")
    objected = await harbour.send(link, reply="object", why="Es muss sein.")
    page = await harbour.browser.get(link)

    assert (accepted.status_code, objected.status_code) == (422, 200)
    assert len(await harbour.objections(request)) == 1
    assert "Sie haben widersprochen." in page.text
    assert "Sie sollen bis Samstag, 10. Januar 2026, 13:00 MEZ Bescheid haben." in page.text
    assert "<form" not in page.text


async def test_a_form_that_was_open_in_two_tabs_counts_once(harbour: Desk) -> None:
    request = await harbour.asked("no")
    link = await harbour.link(request)
    token = TOKEN.search((await harbour.browser.get(link)).text)
    assert token is not None
    form = {"form_token": token[1], "reply": "object", "why": "Es muss sein."}

    answers = [await harbour.browser.post(link, data=form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 409]
    assert len(await harbour.objections(request)) == 1


async def test_a_redirected_requester_is_shown_the_channel(harbour: Desk) -> None:
    page = await harbour.browser.get(await harbour.link(await harbour.asked("elsewhere")))

    assert 'href="https://portal.example/new"' in page.text


async def test_a_form_of_another_site_is_not_taken(harbour: Desk) -> None:
    request = await harbour.asked("later")
    link = await harbour.link(request)

    foreign = await harbour.browser.post(
        link, data={"form_token": "x" * 43, "reply": "accept"}, headers={"Origin": "https://evil.example"}
    )

    assert foreign.status_code == 403
    assert await harbour.state(request) == "proposed"


async def test_a_link_opens_one_arrangement_and_none_once_it_has_expired(harbour: Desk) -> None:
    request, other = await harbour.asked("later"), await harbour.asked("no")
    link = await harbour.link(request, expires_in_days=1)
    tenant, subject, secret = link.removeprefix("/arrangement/").split(".")
    elsewhere = (await harbour.link(other)).split(".")[1]

    tried = [
        f"/arrangement/{tenant}.{elsewhere}.{secret}",
        f"/arrangement/{tenant}.{subject}.{secret[:-1]}",
        f"/arrangement/{subject}.{subject}.{secret}",
        "/arrangement/nothing",
        f"/renegotiation/{tenant}.{subject}.{secret}",
    ]
    unknown = [await harbour.browser.get(path) for path in tried]
    await desk.pass_time(harbour.staff, seconds=86_401)
    expired = await harbour.browser.get(link)

    assert {page.status_code for page in unknown} == {404}
    assert expired.status_code == 404
    assert {TOKEN.sub("", page.text) for page in [*unknown, expired]} == {TOKEN.sub("", expired.text)}


async def test_whoever_tries_many_links_has_to_wait(harbour: Desk) -> None:
    link = await harbour.link(await harbour.asked("no"))

    for _ in range(LIMITS[Kind.LINK_ADDRESS].failures_max):
        await harbour.browser.get("/arrangement/nothing")
    waits = await harbour.browser.get(link)

    assert waits.status_code == 429
    assert int(waits.headers["retry-after"]) > 0


async def test_a_link_is_mailed_to_the_requester_of_a_live_tenant_only(
    browser: AsyncClient, sessions: Sessions, sign_in: SignIn, harbour: Desk
) -> None:
    live = Desk(await sign_in(of=await factories.tenant(sessions)), browser)
    await desk.set_up(live.staff)
    await kinds.in_effect(live.staff, "rationalization", {"rules": RULES})
    ada = {"name": "Ada", "external_id": "P-3", "email": "ada@harbour.test", "language": "fr"}
    for staff in (harbour.staff, live.staff):
        await desk.created(staff, "/v1/contacts", ada)

    links = [
        await each.link(await each.asked("no", requester="P-3", title="Laptop 👩\u200d💻 please"), mail=True)
        for each in (harbour, live)
    ]

    async with sessions() as db:
        (letter,) = await db.scalars(select(MailRow))
    assert letter.recipient == "ada@harbour.test"
    assert letter.subject == "Rejetée : Laptop 👩 💻 please"
    assert links[1].encode() not in (letter.sealed_body or b"")


async def test_of_a_link_only_a_digest_is_kept_and_who_made_it_is_known(
    harbour: Desk, sessions: Sessions, tenant: Tenant
) -> None:
    link = await harbour.link(await harbour.asked("no"))
    secret = link.rpartition(".")[2]

    async with tenant_transaction(sessions, tenant.id) as session:
        row = (await session.db.scalars(select(ArrangementLinkRow))).one()
        deeds = await session.db.scalars(
            select(AuditRecordRow).where(AuditRecordRow.action == "arrangement.link_given")
        )
        recorded = str([record.changes for record in deeds])

    assert secret.encode() not in row.sha256
    assert recorded != "[]"
    assert secret not in recorded


async def test_a_clients_application_makes_no_link(
    harbour: Desk, sessions: Sessions, sign_in: SignIn, tenant: Tenant
) -> None:
    client = await sign_in(client_id=await factories.client_of(sessions, tenant))
    request = await harbour.asked("no")

    refused = await client.post(
        f"/v1/arrangements/{request['arrangement_id']}/links", json={}, headers=factories.key()
    )

    assert refused.status_code == 403
