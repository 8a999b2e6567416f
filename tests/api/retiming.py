"""A sandbox whose policy changes under running requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from httpx2 import AsyncClient, Response
from sqlalchemy import select

from service import composition
from service.clock import SystemClock
from service.db import Sessions, tenant_transaction
from service.ids import RepinningId, RequestId
from service.jobs.registry import Tools
from service.outbox.models import EventRow
from service.requests import reading
from service.requests.domain import Decision
from service.requests.repinning import jobs, progress
from service.rules.matching import Engine
from service.rules.reference import ReferenceEngine
from service.rules.service import Rulebook
from service.tenants import service as tenants
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk

HOUR = 3_600


def promise(metric: str = "resolve", *, hours: float = 8, **terms: Any) -> dict[str, Any]:
    target = {"unit": "elapsed_time", "seconds": int(hours * HOUR)}
    return {"metric": metric, "target": target} | terms


def document(*promises: Mapping[str, Any], rule: str = "all", **more: Any) -> dict[str, Any]:
    return {
        "rules": [
            {
                "id": rule,
                "when": "true",
                "because": "Everybody is promised the same.",
                "then": {"promises": list(promises)},
            }
        ]
    } | more


@dataclass(frozen=True, slots=True)
class Shop:
    """A sandbox tenant, its caller, and what its jobs match rules by."""

    sessions: Sessions
    tenant: Tenant
    caller: AsyncClient
    engine: Engine = field(default_factory=ReferenceEngine)

    @property
    def tools(self) -> Tools:
        rulebook = composition.rulebook(self.engine)
        return Tools(self.sessions, SystemClock(), {Rulebook: rulebook})

    async def policy(self, *promises: Mapping[str, Any], name: str = "promises", **more: Any) -> str:
        """A policy that promises this, in effect. Returns its id."""
        body = {"name": name, "kind": "commitment", "document": document(*promises, **more)}
        policy_id = (await desk.created(self.caller, "/v1/policies", body))["id"]
        await self.publish(policy_id)
        return policy_id

    async def revised(
        self, policy_id: str, *promises: Mapping[str, Any], running: str = "keep", **more: Any
    ) -> None:
        """A further version takes effect, which promises this."""
        path = f"/v1/policies/{policy_id}"
        tag = (await self.caller.get(path)).headers["ETag"]
        body = {"document": document(*promises, **more)}
        answer = await self.caller.put(path, json=body, headers={"If-Match": tag})
        assert answer.status_code == 200, answer.text
        await self.publish(policy_id, running=running)

    async def publish(self, policy_id: str, **how: Any) -> None:
        path = f"/v1/policies/{policy_id}/publish"
        answer = await self.caller.post(path, json=how, headers=factories.key())
        assert answer.status_code == 200, answer.text

    async def asked(self, policy_id: str, *, place: str = "policies", **body: Any) -> Response:
        path = f"/v1/{place}/{policy_id}/repinnings"
        return await self.caller.post(path, json=body, headers=factories.key())

    async def preview(self, policy_id: str, *, place: str = "policies", **body: Any) -> dict[str, Any]:
        """A preview that is done."""
        answer = await self.asked(policy_id, place=place, preview=True, **body)
        assert answer.status_code == 202, answer.text
        return await self.worked(answer.json()["id"])

    async def repinned(self, policy_id: str, *, place: str = "policies", **body: Any) -> dict[str, Any]:
        """What was previewed, and carried out at once."""
        shown = await self.preview(policy_id, place=place, **body)
        answer = await self.asked(policy_id, place=place, preview=False, preview_id=shown["id"])
        assert answer.status_code == 202, answer.text
        return await self.worked(answer.json()["id"])

    async def worked(self, repinning_id: str) -> dict[str, Any]:
        """The repinning once its job has run."""
        await jobs.repin(self.tools, tenant_id=self.tenant.id, repinning_id=UUID(repinning_id))
        return await self.shown(repinning_id)

    async def stepped(self, repinning_id: str, *, times: int) -> None:
        """Let the job take so many steps, of which the first counts the requests."""
        for _ in range(times):
            async with tenant_transaction(self.sessions, self.tenant.id) as session:
                now = await tenants.now(session)
                rulebook = self.tools.part(Rulebook)
                await progress.advance(session, rulebook, RepinningId(UUID(repinning_id)), now=now)

    async def ordered(self, repinning_id: str, what: str) -> Response:
        """Cancel it, or resume it."""
        return await self.caller.post(f"/v1/repinnings/{repinning_id}/{what}", headers=factories.key())

    async def shown(self, repinning_id: str) -> dict[str, Any]:
        answer = await self.caller.get(f"/v1/repinnings/{repinning_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def changes(self, repinning: Mapping[str, Any], **query: Any) -> list[dict[str, Any]]:
        answer = await self.caller.get(f"/v1/repinnings/{repinning['id']}/changes", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    async def dues(self, request: Mapping[str, Any]) -> dict[str, str | None]:
        return {each["metric"]: each["due_at"] for each in await self.promises(request)}

    async def promises(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        answer = await self.caller.get("/v1/commitments", params={"request_id": request["id"]})
        return answer.json()["items"]

    async def told(self, about: str) -> list[EventRow]:
        """The events of a subject; the feed shows none before the test's own transaction ends."""
        row = EventRow
        query = select(row).where(row.tenant_id == self.tenant.id, row.subject_id == UUID(about))
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            return list(await session.db.scalars(query.order_by(row.sequence)))

    async def decisions(self, request: Mapping[str, Any]) -> list[Decision]:
        """The decisions on a request, in the order of their making, with all that is kept of them."""
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            return await reading.decisions(session, RequestId(UUID(request["id"])), client_id=None)
