"""A sandbox with people to tell, and ladders that requests climb: where scenarios of escalations begin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from httpx2 import AsyncClient
from sqlalchemy import select

from service.db import Sessions, tenant_transaction
from service.ids import MemberId
from service.outbox.models import Event, EventRow
from service.people.domain import Role
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.factories import NOON

EIGHT_HOURS = {"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 8 * 3600}}
STEPS: list[dict[str, Any]] = [
    {"name": "watch", "at": {"anchor": "start"}, "tell": [{"group": "Network"}]},
    {"name": "due", "at": {"anchor": "due", "after_seconds": -3600}, "tell": [{"manager": True}]},
    {"name": "broken", "at": {"anchor": "breach"}, "tell": [{"role": "admin"}]},
]


@dataclass(frozen=True, slots=True)
class Watch:
    """Who there is.

    Attributes:
        caller: an application of the tenant.
        people: members by a short name: `ada` and `ben` of the group, `mia` above it, `eve` an admin.
        ladders: by name.
    """

    caller: AsyncClient
    sessions: Sessions
    tenant: Tenant
    people: Mapping[str, MemberId]
    ladders: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    async def submitted(self, **overrides: Any) -> dict[str, Any]:
        request = await desk.submitted(self.caller, **overrides)
        await self.pass_time_to(await self.now())
        return request

    async def now(self) -> str:
        return (await self.caller.get("/v1/sandbox/clock")).json()["now"]

    async def pass_time_to(self, now: str) -> None:
        answer = await self.caller.post("/v1/sandbox/clock", json={"now": now})
        assert answer.status_code == 200, answer.text

    async def pass_hours(self, hours: float) -> None:
        """Let the clock stand so many hours after noon."""
        await desk.pass_time(self.caller, hours=hours)

    async def act(self, run: Mapping[str, Any], deed: str, **body: Any) -> Any:
        """Do something with a run; the answer, whatever it is."""
        path = f"/v1/escalations/{run['id']}/{deed}"
        return await self.caller.post(path, json=body, headers=factories.key())

    async def did(self, run: Mapping[str, Any], deed: str, **body: Any) -> dict[str, Any]:
        answer = await self.act(run, deed, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def runs(self, **sought: Any) -> list[dict[str, Any]]:
        """Runs, the oldest first."""
        answer = await self.caller.get("/v1/escalations", params={"limit": 200, **sought})
        assert answer.status_code == 200, answer.text
        return answer.json()["items"][::-1]

    async def run(self, **sought: Any) -> dict[str, Any]:
        """The only run, in detail."""
        (found,) = await self.runs(**sought)
        return await self.shown(found)

    async def shown(self, run: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self.caller.get(f"/v1/escalations/{run['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def notices(self, **sought: Any) -> list[dict[str, Any]]:
        """Notices, the oldest first."""
        answer = await self.caller.get("/v1/notices", params={"limit": 200, **sought})
        assert answer.status_code == 200, answer.text
        return answer.json()["items"][::-1]

    async def told(self, **sought: Any) -> list[tuple[float, str | None, str]]:
        """Who was told: hours after noon, the step, and whom by their short name."""
        names = {f"member:{member_id}": name for name, member_id in self.people.items()}
        return [
            (hours(each["given_at"]), each["step"], names.get(each["recipient"], str(each["recipient"])))
            for each in await self.notices(**sought)
        ]

    async def events(self, *types: str) -> list[Event]:
        """What was told of these types, in order: the feed shows nothing that is not committed."""
        row = EventRow
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            query = (
                select(row)
                .where(row.tenant_id == session.tenant_id, row.type.in_(types))
                .order_by(row.occurred_at, row.sequence)
            )
            return [each.to_domain() for each in await session.db.scalars(query)]

    async def ladder(self, name: str, steps: Sequence[Mapping[str, Any]], **said: Any) -> dict[str, Any]:
        body = {"name": name, "definition": {"steps": list(steps), **said}}
        self.ladders[name] = await desk.created(self.caller, "/v1/ladders", body)
        return self.ladders[name]

    async def climbed(self, *climbs: Mapping[str, Any], when: str = "true") -> dict[str, Any]:
        """Have all requests climb these ladders, by a policy that is put into effect."""
        then = dict(climbs[0]) if len(climbs) == 1 else {"ladders": list(climbs)}
        rule = {"id": "all", "when": when, "because": "Somebody must know.", "then": then}
        return await publish(self.caller, f"climbs {climbs[0]['ladder']}", "escalation", {"rules": [rule]})


def hours(instant: str) -> float:
    """Hours after noon."""
    return round((datetime.fromisoformat(instant) - NOON).total_seconds() / 3600, 4)


async def publish(caller: AsyncClient, name: str, kind: str, document: dict[str, Any]) -> dict[str, Any]:
    policy = await desk.created(caller, "/v1/policies", {"name": name, "kind": kind, "document": document})
    published = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
    assert published.status_code == 200, published.text
    return policy


async def opened(caller: AsyncClient, sessions: Sessions, tenant: Tenant) -> Watch:
    """A group with two members and a manager, an admin, and a promise of eight hours for each request."""
    ada, ben = [await factories.member(sessions, tenant, Role.AGENT) for _ in range(2)]
    mia = await factories.member(sessions, tenant, Role.MANAGER)
    eve = await factories.member(sessions, tenant, Role.ADMIN)
    group = await desk.created(caller, "/v1/groups", {"name": "Network", "manager_id": str(mia)})
    for member_id in (ada, ben):
        path = f"/v1/groups/{group['id']}"
        tag = (await caller.get(path)).headers["ETag"]
        added = await caller.put(f"{path}/members/{member_id}", headers={"If-Match": tag})
        assert added.status_code == 200, added.text
    rule = {"id": "all", "when": "true", "because": "Usual.", "then": {"promises": [EIGHT_HOURS]}}
    await publish(caller, "promises", "commitment", {"rules": [rule]})
    return Watch(caller, sessions, tenant, {"ada": ada, "ben": ben, "mia": mia, "eve": eve})
