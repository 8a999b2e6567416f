"""The link by which a requester answers without a log-in: what it shows, takes, and gives away to nobody."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from litestar import Litestar
from sqlalchemy import select

from service import ids
from service.commitments.renegotiation.models import RenegotiationRow
from service.db import Sessions, tenant_transaction
from service.mail.models import MailRow
from service.people.domain.throttle import LIMITS, Kind
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.api.desk import at
from tests.conftest import ISSUER, SignIn
from tests.factories import NOON

TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
PROPOSAL: dict[str, Any] = {
    "reason": "The <b>spare part</b> comes tomorrow.",
    "tried": "Two other suppliers were asked.",
    "remedies": [{"kind": "interim_service", "description": "A loan device today."}],
    "due_at": at(hours=24),
    "link": True,
}
NOT_KEPT = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-frame-options": "DENY"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a person who speaks German, with a proposal that has a link.

    Attributes:
        browser: of whoever has the link.
    """

    staff: AsyncClient
    browser: AsyncClient
    app: Litestar
    proposed: dict[str, Any]
    contact: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def link(self) -> str:
        return self.proposed["link"].removeprefix(ISSUER)

    async def send(self, path: str = "", **values: str) -> Response:
        path = path or self.link
        shown = TOKEN.search((await self.browser.get(path)).text)
        token = shown[1] if shown else ""
        return await self.browser.post(path, data={"form_token": token, **values})

    async def state(self) -> str:
        place = f"/v1/renegotiations/{self.proposed['id']}"
        return (await self.staff.get(place)).json()["state"]


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def browser(app: Litestar) -> AsyncGenerator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER) as opened:
        yield opened


@pytest.fixture
async def asked(app: Litestar, browser: AsyncClient, sign_in: SignIn) -> Asked:
    return await _asked(app, browser, await sign_in())


async def _asked(app: Litestar, browser: AsyncClient, staff: AsyncClient, **changes: Any) -> Asked:
    await desk.set_up(staff)
    contact = await desk.created(
        staff,
        "/v1/contacts",
        {
            "name": "Ada",
            "external_id": "P-1",
            "email": "ada@harbour.test",
            "language": "de-DE",
            "time_zone": "Europe/Berlin",
        },
    )
    request = await desk.submitted(staff, requester="P-1", title="Printer")
    promise = request["commitments"][0]["id"]
    path = f"/v1/commitments/{promise}/renegotiations"
    return Asked(staff, browser, app, await desk.created(staff, path, PROPOSAL | changes), contact)


async def test_the_page_says_what_was_promised_and_is_offered_in_the_requesters_time(asked: Asked) -> None:
    page = await asked.browser.get(asked.link)

    assert page.status_code == 200
    for said in ("Printer", "Two other suppliers were asked.", "A loan device today."):
        assert said in page.text
    assert "Dienstag, 6. Januar 2026, 13:00 MEZ" in page.text
    assert "&lt;b&gt;spare part&lt;/b&gt;" in page.text
    assert '<html lang="de">' in page.text
    assert "kann eine Zusage nicht so halten" in page.text
    assert "<script" not in page.text
    assert {name: page.headers[name] for name in NOT_KEPT} == NOT_KEPT
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("values", "state", "due"),
    [
        ({"reply": "understood"}, "understood", at(hours=24)),
        ({"reply": "declined", "comment": "It has to work today."}, "declined", at(hours=24)),
        ({"reply": "counter", "when": "2026-01-06T09:30"}, "countered", at(hours=20.5)),
    ],
)
async def test_each_of_the_three_answers_is_taken_once(
    asked: Asked, values: dict[str, str], state: str, due: str
) -> None:
    answered = await asked.send(**values)
    again = await asked.send(reply="understood")

    assert (answered.status_code, again.status_code) == (200, 403)
    assert "Vielen Dank" in answered.text
    assert "Das wurde beantwortet" in (await asked.browser.get(asked.link)).text
    shown = (await asked.staff.get(f"/v1/renegotiations/{asked.proposed['id']}")).json()
    assert (shown["state"], shown["due_at"]) == (state, due)
    assert shown["answer"]["channel"] == "link"
    assert shown["answer"]["by"] == f"contact:{asked.contact['id']}"
    assert shown["answer"]["comment"] == values.get("comment", "")


async def test_a_form_that_was_open_in_two_tabs_counts_once(asked: Asked) -> None:
    token = TOKEN.search((await asked.browser.get(asked.link)).text)
    assert token
    first = await asked.browser.post(asked.link, data={"form_token": token[1], "reply": "declined"})
    second = await asked.browser.post(asked.link, data={"form_token": token[1], "reply": "understood"})

    assert (first.status_code, second.status_code) == (200, 410)
    assert ("Vielen Dank" in first.text, "Vielen Dank" in second.text) == (True, False)
    assert await asked.state() == "declined"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"reply": "perhaps"},
        {"reply": "counter"},
        {"reply": "counter", "when": "soon"},
        {"reply": "counter", "when": "2026-01-05T12:59"},
        {"reply": "counter", "when": "9999-12-31T23:59"},
        {"reply": "understood", "comment": "x" * 2001},
    ],
)
async def test_what_was_not_filled_in_rightly_is_shown_again(asked: Asked, values: dict[str, str]) -> None:
    answered = await asked.send(**values)

    assert answered.status_code == 422
    assert "Etwas stimmt nicht" in answered.text
    assert await asked.state() == "waiting"


async def test_to_look_at_the_page_answers_nothing_however_it_is_fetched(asked: Asked) -> None:
    for query in ("", "?reply=understood", "?form_token=x&reply=understood"):
        await asked.browser.get(asked.link + query, headers={"Sec-Purpose": "prefetch"})
        await asked.browser.head(asked.link + query)
        await asked.browser.request("OPTIONS", asked.link + query)

    assert await asked.state() == "waiting"


@pytest.mark.parametrize(
    ("accepted", "language", "said"),
    [
        ("es-MX, en;q=0.5", "es", "Este enlace no abre nada"),
        ("pl, zh-Hans;q=0.8", "zh", "此链接无法打开任何内容"),
        ("pl", "en", "This link opens nothing"),
    ],
)
async def test_who_is_not_known_is_told_in_a_language_that_its_browser_asks_for(
    asked: Asked, accepted: str, language: str, said: str
) -> None:
    headers = {"Accept-Language": accepted}

    unknown = await asked.browser.get("/renegotiation/nothing", headers=headers)
    known = await asked.browser.get(asked.link, headers=headers)

    assert f'<html lang="{language}">' in unknown.text
    assert said in unknown.text
    assert '<html lang="de">' in known.text


async def test_what_is_refused_on_the_page_is_told_in_the_readers_language_too(asked: Asked) -> None:
    forged = await asked.browser.post(
        asked.link, data={"reply": "understood"}, headers={"Accept-Language": "fr"}
    )

    assert forged.status_code == 403
    assert '<html lang="fr">' in forged.text
    assert "envoyer à nouveau le formulaire" in forged.text
    assert "/account" not in forged.text


@pytest.mark.parametrize("turning", ["\u202e", "\u2066"])
async def test_nothing_on_the_page_is_turned_round(
    app: Litestar, browser: AsyncClient, sign_in: SignIn, turning: str
) -> None:
    asked = await _asked(app, browser, await sign_in(), reason=f"Pay{turning}lla")

    page = await asked.browser.get(asked.link)

    assert "Pay\N{REPLACEMENT CHARACTER}lla" in page.text
    assert turning not in page.text


async def test_a_form_of_another_site_or_without_our_token_is_refused(asked: Asked) -> None:
    await asked.browser.get(asked.link)
    without = await asked.browser.post(asked.link, data={"reply": "understood"})
    elsewhere = await asked.browser.post(
        asked.link, data={"reply": "understood"}, headers={"Origin": "https://evil.example"}
    )

    assert (without.status_code, elsewhere.status_code) == (403, 403)
    assert await asked.state() == "waiting"


async def test_a_link_that_was_not_given_away_is_like_one_that_never_was(
    asked: Asked, sessions: Sessions
) -> None:
    tenant, renegotiation, secret = asked.link.removeprefix("/renegotiation/").split(".")
    promise = asked.proposed["commitment_id"]
    path = f"/v1/commitments/{promise}/renegotiations"
    other = await desk.created(asked.staff, path, {**PROPOSAL, "link": False})
    stranger = await factories.tenant(sessions, sandbox_at=NOON)
    wrong = "A" * len(secret)
    pages = [
        await asked.browser.get(f"/renegotiation/{text}")
        for text in (
            f"{tenant}.{renegotiation}.{wrong}",
            f"{tenant}.{ids.new_id().hex}.{secret}",
            f"{tenant}.{ids.UUID(other['id']).hex}.{secret}",
            f"{stranger.id.hex}.{renegotiation}.{secret}",
            f"{ids.new_id().hex}.{renegotiation}.{secret}",
            f"{tenant}.{renegotiation}.",
            f"{tenant}.{renegotiation}",
            "x",
            f"{tenant}.{renegotiation}.{'A' * 10_000}",
            f"{tenant}.{renegotiation}.{secret}é",
        )
    ]

    assert {page.status_code for page in pages} == {404}
    assert len({page.text for page in pages}) == 1
    posted = await asked.send(f"/renegotiation/{tenant}.{renegotiation}.{wrong}", reply="understood")
    assert posted.status_code in (403, 404)


async def test_the_time_to_answer_ends_the_link(asked: Asked) -> None:
    before = await asked.browser.get(asked.link)
    await desk.pass_time(asked.staff, hours=24, seconds=1)

    after = await asked.browser.get(asked.link)

    assert (before.status_code, after.status_code) == (200, 410)
    assert "Es kam rechtzeitig keine Antwort" in after.text
    assert not TOKEN.search(after.text)


async def test_whoever_tries_many_links_has_to_wait(asked: Asked) -> None:
    for _ in range(LIMITS[Kind.LINK_ADDRESS].failures_max):
        assert (await asked.browser.get(f"/renegotiation/{ids.new_id().hex}")).status_code == 404

    throttled = await asked.browser.get(f"/renegotiation/{ids.new_id().hex}")

    assert throttled.status_code == 429
    assert int(throttled.headers["retry-after"]) > 0


async def test_only_a_digest_of_the_link_is_kept(asked: Asked, sessions: Sessions, tenant: Tenant) -> None:
    secret = asked.link.rpartition(".")[2]

    async with tenant_transaction(sessions, tenant.id) as session:
        row = (await session.db.scalars(select(RenegotiationRow))).one()

    assert len(secret) >= 43
    assert secret not in str(vars(row))
    assert len(row.link_sha256 or b"") == 32
    shown = await asked.staff.get(f"/v1/renegotiations/{asked.proposed['id']}")
    assert secret not in shown.text
    assert shown.json()["has_link"] is True


async def test_the_link_is_mailed_to_the_requester_of_a_live_tenant_only(
    app: Litestar, browser: AsyncClient, sessions: Sessions, sign_in: SignIn, asked: Asked
) -> None:
    live = await factories.tenant(sessions)
    made = await _asked(app, browser, await sign_in(of=live), due_at="2030-01-07T00:00:00Z")

    async with sessions() as db:
        letters = list(await db.scalars(select(MailRow)))

    assert made.proposed["link"] != asked.proposed["link"]
    assert [letter.recipient for letter in letters] == ["ada@harbour.test"]
    assert made.link.encode() not in (letters[0].sealed_body or b"")
