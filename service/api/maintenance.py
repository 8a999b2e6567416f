"""HTTP for windows of maintenance: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional
from service.api.conditional import Precondition
from service.api.fields import Moment, Text
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import MaintenanceId, ServiceId
from service.requests.maintenance import domain, service
from service.requests.maintenance.service import Plan
from service.tenants.spells import MaintenanceWindow, WindowState


class PlanMaintenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"starts_at": "from"}):
    """A window of maintenance, from an instant on until before another; without `from` it begins now."""

    until: Moment
    starts_at: Moment | None = None
    reason: Text | None = None

    def plan(self, otherwise: datetime) -> Plan:
        return Plan(starts_at=self.starts_at or otherwise, ends_at=self.until, reason=self.reason)


class MaintenanceView(msgspec.Struct, frozen=True, kw_only=True, rename={"starts_at": "from"}):
    """A window of maintenance. What is called off ends at `called_off_at`, if it had begun."""

    id: MaintenanceId
    service_id: ServiceId
    starts_at: datetime
    until: datetime
    called_off_at: datetime | None
    reason: str | None
    state: WindowState
    version: int
    created_at: datetime

    @classmethod
    def of(cls, window: MaintenanceWindow, now: datetime) -> "MaintenanceView":
        return cls(
            id=window.id,
            service_id=window.service_id,
            starts_at=window.starts_at,
            until=window.ends_at,
            called_off_at=window.called_off_at,
            reason=window.reason,
            state=domain.state_at(window, now),
            version=window.version,
            created_at=window.created_at,
        )


class ServiceMaintenanceController(Controller):
    path = "/v1/services/{service_id:uuid}/maintenance-windows"
    tags = ("Services",)

    @post("/", operation_id="planMaintenance")
    async def plan(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        service_id: FromPath[ServiceId],
        data: JSONBody[PlanMaintenance],
    ) -> Response[MaintenanceView]:
        """Plan maintenance of a service. Client organizations that use it are told."""

        async def effect() -> Response[MaintenanceView]:
            window = await service.plan(session, actor, service_id, data.plan(now), now=now)
            address = f"/v1/maintenance-windows/{window.id}"
            return conditional.created(
                MaintenanceView.of(window, now), tag=_tag(window, now), address=address
            )

        return await once(effect)


class MaintenanceController(Controller):
    path = "/v1/maintenance-windows"
    tags = ("Services",)

    @get("/", operation_id="listMaintenanceWindows")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        paging: NamedDependency[Paging],
        service_id: Annotated[ServiceId | None, QueryParameter(description="Of this service only.")] = None,
        not_over: Annotated[bool, QueryParameter(description="Only what is planned, or under way.")] = False,  # noqa: FBT002 - Litestar passes it by name
    ) -> Response[Page[MaintenanceView]]:
        """List windows of maintenance, in the order in which they were planned."""
        found = await service.list_windows(
            session,
            service_id=service_id,
            over_after=now if not_over else None,
            after=paging.after(UUID),
            limit=paging.sought,
        )
        return paging.page(
            found,
            position=lambda window: window.id,
            view=lambda window: MaintenanceView.of(window, now),
        )

    @get("/{window_id:uuid}", operation_id="getMaintenanceWindow")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        window_id: FromPath[MaintenanceId],
    ) -> Response[MaintenanceView]:
        """Show one window of maintenance."""
        window = await service.get(session, window_id)
        return conditional.respond(request, MaintenanceView.of(window, now), tag=_tag(window, now))

    @put("/{window_id:uuid}", operation_id="changeMaintenance")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        window_id: FromPath[MaintenanceId],
        data: JSONBody[PlanMaintenance],
    ) -> Response[MaintenanceView]:
        """Put a window to other times, or extend it while it runs. Without `from` its beginning stays."""
        held = await service.get(session, window_id, lock=True)
        precondition.check(_tag(held, now))
        changed = await service.change(session, actor, window_id, data.plan(held.starts_at), now=now)
        return Response(MaintenanceView.of(changed, now), headers={"ETag": _tag(changed, now)})

    @post("/{window_id:uuid}/call-off", status_code=200, operation_id="callOffMaintenance")
    async def call_off(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        window_id: FromPath[MaintenanceId],
    ) -> Response[MaintenanceView]:
        """Let a window not take place; if it has begun, it ends now."""

        async def effect() -> Response[MaintenanceView]:
            ended = await service.call_off(session, actor, window_id, now=now)
            return Response(MaintenanceView.of(ended, now), headers={"ETag": _tag(ended, now)})

        return await once(effect, status_code=200)


def _tag(window: MaintenanceWindow, now: datetime) -> str:
    """What is shown changes with a version, and when the window begins or ends."""
    return conditional.etag(window.id, window.version, list(WindowState).index(domain.state_at(window, now)))
