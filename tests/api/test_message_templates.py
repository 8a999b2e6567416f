"""Message templates over HTTP: written, tried, told, revised, retired; what is refused says where."""

from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service import ids
from service.db import Sessions, tenant_transaction
from service.ids import TemplateId
from service.outbox.models import EventRow
from service.rationalization.wording import store
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.conftest import SignIn
from tests.factories import NOON

NO = "{{ request }}: {{ reason }} ({{ objections_url }})"
GERMAN: dict[str, Any] = {
    "message": "decline",
    "language": "de",
    "subject": "Nein: {{ request }}",
    "body": f"{NO}{{% if contact %}} Guten Tag {{{{ contact }}}}{{% endif %}}",
}
DECLINED = {
    "verdict": "decline",
    "objections": kinds.DESK,
    "wording": "frozen",
}


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def staff(sign_in: SignIn) -> AsyncClient:
    opened = await sign_in()
    await desk.set_up(opened)
    rule = kinds.rule("no", "request.category == 'no'", DECLINED)
    await kinds.in_effect(opened, "rationalization", {"rules": [rule]})
    return opened


async def _template(caller: AsyncClient, **changes: Any) -> dict[str, Any]:
    return await desk.created(caller, "/v1/message-templates", GERMAN | changes)


async def _refused(caller: AsyncClient, **changes: Any) -> Response:
    return await caller.post("/v1/message-templates", json=GERMAN | changes, headers=factories.key())


async def _told(caller: AsyncClient, language: str | None) -> dict[str, Any]:
    """What a requester who speaks this language is told of a request that is declined."""
    contact = {"name": "Ada", "external_id": f"P-{language}"}
    if language is not None:
        contact |= {"language": language, "time_zone": "Europe/Vienna"}
    await desk.created(caller, "/v1/contacts", contact)
    request = await desk.submitted(
        caller, title="Printer", requester=contact["external_id"], facts={"category": "no", "priority": "P1"}
    )
    shown = await caller.get(f"/v1/arrangements/{request['arrangement_id']}")
    return shown.json()["message"]


async def _become(sessions: Sessions, tenant: Tenant, template: dict[str, Any], body: str) -> None:
    """Write a version that nobody would be let write now, as an earlier release may have."""
    async with tenant_transaction(sessions, tenant.id) as session:
        row, _ = await store.get(session, TemplateId(UUID(template["id"])), lock=True)
        row.version_id, row.version = ids.new_id(), 2
        written = {"subject": "No", "body": body, "created_at": NOON}
        await store.add_version(session, row.version_id, template_id=row.id, version=2, **written)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de-AT", "Ihre Anfrage „Printer“"),
        ("es-MX", "Su solicitud «Printer»"),
        ("fr", "Votre demande «\u00a0Printer\u00a0»"),
        ("zh-CN", "您的请求“Printer”"),
        ("zh-TW", "Your request “Printer”"),
        ("pt-BR", "Your request “Printer”"),
        (None, "Your request “Printer”"),
    ],
)
async def test_without_templates_each_is_told_in_its_language_or_in_english(
    staff: AsyncClient, language: str | None, said: str
) -> None:
    told = await _told(staff, language)

    assert said in told["text"]
    assert "Because of no." in told["text"]
    assert kinds.DESK["url"] in told["text"]
    assert told["template_id"] is None


async def test_the_tenants_own_words_are_told_in_the_requesters_language(staff: AsyncClient) -> None:
    german = await _template(staff)
    frozen = await _template(staff, language="en", wording="frozen", subject="Frozen", body=f"Frozen. {NO}")
    await _template(staff, language="en", subject="No", body=NO)

    austrian, british = await _told(staff, "de-AT"), await _told(staff, "en-GB")

    assert (austrian["template_id"], austrian["language"]) == (german["id"], "de")
    assert austrian["text"] == f"Printer: Because of no. ({kinds.DESK['url']}) Guten Tag Ada"
    assert (british["template_id"], british["subject"]) == (frozen["id"], "Frozen")


async def test_the_wording_of_a_country_comes_before_that_of_its_language(staff: AsyncClient) -> None:
    await _template(staff)
    austrian = await _template(staff, language="de-AT", body=f"Servus. {NO}")

    assert (await _told(staff, "de-AT"))["template_id"] == austrian["id"]


async def test_a_template_that_cannot_be_told_any_more_gives_way_to_plain_words_and_is_reported(
    staff: AsyncClient, sessions: Sessions, tenant: Tenant
) -> None:
    template = await _template(staff)
    await _become(sessions, tenant, template, "{{ proposed_scope }}")

    told = await _told(staff, "de-AT")

    assert "Ihre Anfrage „Printer“" in told["text"]
    assert "Because of no." in told["text"]
    assert told["template_id"] is None
    async with tenant_transaction(sessions, tenant.id) as session:
        event = (await session.db.scalars(select(EventRow).where(EventRow.type == "template.failed"))).one()
    assert event.payload["template_id"] == template["id"]
    assert "proposed_scope" in event.payload["detail"]
    assert event.payload["source"] == "desk"


async def test_a_revision_is_told_from_then_on_and_what_was_said_is_kept(staff: AsyncClient) -> None:
    made = await staff.post("/v1/message-templates", json=GERMAN, headers=factories.key())
    place = made.headers["location"]
    revision = {"subject": "Nein", "body": f"Leider nein. {NO}"}

    stale = await staff.put(place, json=revision, headers={"If-Match": '"x"'})
    revised = await staff.put(place, json=revision, headers={"If-Match": made.headers["etag"]})

    assert (stale.status_code, revised.status_code) == (412, 200), revised.text
    assert revised.json()["version"] == 2
    assert (await _told(staff, "de"))["text"].startswith("Leider nein.")
    versions = (await staff.get(f"{place}/versions")).json()["items"]
    assert [each["version"] for each in versions] == [1, 2]
    assert versions[0]["body"] == GERMAN["body"]


async def test_what_is_retired_is_told_no_more_until_it_is_revised(staff: AsyncClient) -> None:
    made = await staff.post("/v1/message-templates", json=GERMAN, headers=factories.key())
    place, key = made.headers["location"], factories.key()

    retired = await staff.post(f"{place}/retire", headers={"If-Match": made.headers["etag"], **key})
    again = await staff.post(f"{place}/retire", headers={"If-Match": "*", **factories.key()})

    assert (retired.status_code, again.status_code) == (200, 409)
    assert (await _told(staff, "de"))["template_id"] is None
    left = await staff.get("/v1/message-templates", params={"retired": "false"})
    assert left.json()["items"] == []
    revised = await staff.put(
        place, json={"subject": "Nein", "body": NO}, headers={"If-Match": retired.headers["etag"]}
    )
    assert revised.json()["retired_at"] is None


async def test_of_a_message_a_wording_and_a_language_there_is_one_template(staff: AsyncClient) -> None:
    await _template(staff)

    taken = await _refused(staff)
    await _template(staff, wording="frozen")

    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/message-template-exists")
    found = await staff.get("/v1/message-templates", params={"wording": "frozen", "message": "decline"})
    assert [each["wording"] for each in found.json()["items"]] == ["frozen"]


@pytest.mark.parametrize(
    ("changes", "pointer", "where", "said"),
    [
        ({"body": "{{ resaon }}"}, "/body", (1, 4), "did you mean 'reason'?"),
        ({"body": "a\n  {{ reason | upcasee }}"}, "/body", (2, 15), "did you mean 'upcase'?"),
        ({"body": f"{NO}\n{{% if contact %}}"}, "/body", (2, 17), "endif"),
        ({"body": f"{NO} {{{{ contact }}}}"}, "/body", (1, 55), "`if`"),
        ({"body": "{{ reason.__class__ }}"}, "/body", (1, 4), "'reason' has only size."),
        ({"body": "{{ request }} {{ objections_url }}"}, "/body", (None, None), "{{ reason }}"),
        ({"subject": "{% if contact %}x{% endif %}"}, "/subject", (None, None), "It says nothing"),
        ({"body": f"\u202e{NO}"}, "/body", (1, 1), "U+202E"),
        ({"body": "x" * 20_001}, "/body", (None, None), "20000"),
        ({"language": "german"}, "/language", (None, None), "language tag"),
    ],
)
async def test_what_cannot_be_told_is_refused_with_its_place(
    staff: AsyncClient,
    changes: dict[str, Any],
    pointer: str,
    where: tuple[int | None, int | None],
    said: str,
) -> None:
    refused = await _refused(staff, **changes)

    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/message-template-invalid")
    (fault,) = [each for each in refused.json()["errors"] if each["pointer"] == pointer][:1]
    assert (fault.get("line"), fault.get("column")) == where
    assert said in fault["detail"]


async def test_a_preview_is_told_of_a_request_of_values_or_of_a_sample(staff: AsyncClient) -> None:
    await _told(staff, "de-AT")
    request = (await staff.get("/v1/requests")).json()["items"][0]
    asked = {"message": "decline", "language": "de", "subject": "{{ request }}", "body": NO}

    sample = await staff.post("/v1/message-templates/preview", json=asked)
    real = await staff.post("/v1/message-templates/preview", json=asked | {"request_id": request["id"]})
    given = await staff.post(
        "/v1/message-templates/preview",
        json={"message": "adjust", "language": "de-AT", "time_zone": "Europe/Vienna"}
        | {"values": {"reason": "Darum.", "answer_by": "2026-07-01T10:00:00Z", "proposed_start": None}},
    )

    assert sample.json()["subject"] == "Restart of the payment gateway on Friday"
    assert real.json()["text"] == f"Printer: Because of no. ({kinds.DESK['url']})"
    assert "Mittwoch, 1. Juli 2026, 12:00 MESZ" in given.json()["text"]
    assert "Beginn" not in given.json()["text"]
    assert "Ende" in given.json()["text"]


async def test_a_preview_says_what_is_wrong_with_its_values(staff: AsyncClient) -> None:
    asked = {
        "message": "adjust",
        "language": "en",
        "time_zone": "Mars/Base",
        "values": {"resaon": "x", "answer_by": "soon", "contact": ["a"]},
    }

    refused = await staff.post("/v1/message-templates/preview", json=asked)

    assert refused.status_code == 422
    found = {fault["pointer"]: fault["detail"] for fault in refused.json()["errors"]}
    assert set(found) == {"/values/resaon", "/values/answer_by", "/values/contact", "/time_zone"}
    assert "did you mean 'reason'?" in found["/values/resaon"]


async def test_all_messages_are_listed_with_their_variables_words_and_limits(staff: AsyncClient) -> None:
    listed = (await staff.get("/v1/messages")).json()

    decline = next(each for each in listed["messages"] if each["message"] == "decline")
    reason = next(each for each in decline["variables"] if each["name"] == "reason")
    assert (reason["always_there"], reason["owed"], reason["type"]) == (True, True, "text")
    assert set(decline["words"]) == {"de", "en", "es", "fr", "zh"}
    assert listed["limits"]["text_characters_max"] == 20_000


async def test_another_tenants_template_does_not_exist(
    staff: AsyncClient, sessions: Sessions, sign_in: SignIn
) -> None:
    template = await _template(staff)
    stranger = await sign_in(of=await factories.tenant(sessions))

    answers = [
        await stranger.get(f"/v1/message-templates/{template_id}")
        for template_id in (template["id"], "01890a5d-ac96-774b-bcce-b302099a8057")
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
