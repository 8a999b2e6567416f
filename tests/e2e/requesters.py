"""Requests of people who never log in: what they are sent links about, by mail where a tenant mails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from service import operations
from service.clock import Clock
from service.db import Sessions
from service.instants import rfc3339
from service.operations import NewTenant
from service.replay import client as replay
from service.replay.client import Access, Client
from service.tenants.domain import Approval

LIVE, SANDBOX = "quay", "rehearsal"
OBJECTIONS = {"name": "Beschwerdestelle", "url": "https://desk.example/widerspruch"}
GERMAN = {"language": "de-DE", "time_zone": "Europe/Berlin"}
FRENCH = {"language": "fr-FR", "time_zone": "Europe/Paris"}
VERDICTS: Mapping[str, Any] = {
    "rules": [
        {
            "id": "freeze",
            "when": "request.category == 'moved'",
            "because": "Freitags nach 16 Uhr ist niemand da, der es rückgängig machen könnte.",
            "then": {
                "verdict": "adjust",
                "proposal": {
                    "window": {"not_before_seconds": 3 * 86_400},
                    "priority": "P3",
                    "scope": "Nur das Gateway, ohne seine Datenbank.",
                },
                "answer_within_seconds": 2 * 86_400,
            },
        },
        {
            "id": "not-ours",
            "when": "request.category == 'declined'",
            "because": "Private Geräte werden nicht gewartet.",
            "then": {"verdict": "decline", "objections": OBJECTIONS},
        },
    ]
}
PROMISES: Mapping[str, Any] = {
    "rules": [
        {
            "id": "all",
            "when": "true",
            "because": "Alles wird zugesagt.",
            "then": {
                "promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 86_400}}]
            },
        }
    ]
}
PROPOSAL: Mapping[str, Any] = {
    "reason": "La pièce de rechange arrive seulement demain.",
    "tried": "Deux autres fournisseurs ont été interrogés.",
    "remedies": [{"kind": "interim_service", "description": "Une imprimante de prêt ce soir."}],
    "target": {"unit": "elapsed_time", "seconds": 2 * 86_400},
    "link": True,
}


@dataclass(frozen=True)
class Requester:
    """What one person goes through: addresses that links were mailed to, and links that have expired.

    Attributes:
        accepts: is offered something else, and takes it.
        objects: is offered the same, and does not.
        declined: is refused what was asked for.
        renegotiates: is told that a promise will not be kept.
        expired_url: of a link that opens nothing any more.
        over_url: of a renegotiation that nobody answered in time.
    """

    accepts: str
    objects: str
    declined: str
    renegotiates: str
    expired_url: str
    over_url: str


async def prepare(sessions: Sessions, clock: Clock, url: str, names: Sequence[str]) -> dict[str, Requester]:
    """What each of these goes through, by its name."""
    live = NewTenant(slug=LIVE, name="Hafenbetriebe", approval=Approval.GIT)
    rehearsal = NewTenant(slug=SANDBOX, name="Hafenbetriebe (Probe)", sandbox_at=clock.now())
    async with replay.open_http(url, connections=1) as http:
        desks: list[Desk] = []
        for tenant in (live, rehearsal):
            await operations.create_tenant(sessions, clock, tenant)
            await operations.lift_rates(sessions, clock, tenant=tenant.slug)
            made = await operations.create_application(
                sessions, clock, tenant=tenant.slug, name="desk", scopes=()
            )
            access = Access(base_url=url, client_id=made.client_id, client_secret=made.client_secret)
            desks.append(Desk(Client(http, access)))
        for desk in desks:
            await desk.set_up()
        mailing, rehearsing = desks
        past = {each: await rehearsing.pass_by(each) for each in names}
        await rehearsing.put_forward(clock.now() + timedelta(days=4))
        return {each: await mailing.mail(each, *past[each]) for each in names}


@dataclass(frozen=True)
class Desk:
    """The desk of a tenant, as its application works it."""

    client: Client

    async def set_up(self) -> None:
        for kind, document in (("rationalization", VERDICTS), ("commitment", PROMISES)):
            policy = await self._made("/v1/policies", name=kind, kind=kind, document=document)
            await self._made(f"/v1/policies/{policy['id']}/publish")

    async def mail(self, name: str, expired_url: str, over_url: str) -> Requester:
        """Submit what the person asks for; the links are mailed."""
        emails = {each: f"{each}-{name}@example.org" for each in ("accepts", "objects", "declined")}
        for each, email in emails.items():
            await self._link(email, "declined" if each == "declined" else "moved", days=14)
        renegotiates = f"renegotiates-{name}@example.org"
        await self._propose(renegotiates)
        return Requester(**emails, renegotiates=renegotiates, expired_url=expired_url, over_url=over_url)

    async def pass_by(self, name: str) -> tuple[str, str]:
        """Links that open nothing, or nothing that can be answered, once days have gone by."""
        link = await self._link(f"late-{name}@example.org", "moved", days=1)
        proposed = await self._propose(f"silent-{name}@example.org")
        return link["url"], proposed["link"]

    async def put_forward(self, now: datetime) -> None:
        answer = await self.client.send("POST", "/v1/sandbox/clock", {"now": rfc3339(now)})
        answer.accepted("the clock")

    async def _link(self, email: str, category: str, *, days: int) -> dict[str, Any]:
        request = await self._submitted(email, GERMAN, category)
        path = f"/v1/arrangements/{request['arrangement_id']}/links"
        return await self._made(path, expires_in_days=days, mail=True)

    async def _propose(self, email: str) -> dict[str, Any]:
        request = await self._submitted(email, FRENCH, "promised")
        path = f"/v1/commitments/{request['commitments'][0]['id']}/renegotiations"
        return await self._made(path, **PROPOSAL)

    async def _submitted(self, email: str, speaks: Mapping[str, str], category: str) -> dict[str, Any]:
        await self._made("/v1/contacts", name="Ada Lovelace", external_id=email, email=email, **speaks)
        title = "Imprimante du quai 4" if speaks is FRENCH else "Neustart des Kassen-Gateways"
        return await self._made(
            "/v1/requests",
            source="desk",
            external_id=f"CHG-{email}",
            type="change",
            title=title,
            requester=email,
            facts={"category": category, "priority": "P2"},
        )

    async def _made(self, path: str, **body: object) -> dict[str, Any]:
        answer = await self.client.post(path, body, key=replay.new_key())
        return msgspec.json.decode(answer.accepted(path).body, type=dict[str, Any])
