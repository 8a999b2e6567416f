"""HTTP for a sandbox tenant's clock: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody

from service.api.fields import Moment
from service.api.security import Principal
from service.audit.domain import Actor
from service.db import Sessions, TenantSession
from service.wakeups import drive, service
from service.wakeups.service import Advances, ClockProgress


class MoveClock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the clock is to go."""

    now: Annotated[Moment, msgspec.Meta(description="Not before where it stands.")]


class ClockView(msgspec.Struct, frozen=True):
    """Where the clock stands. It is on its way while `now` is not `target`."""

    now: datetime
    target: datetime
    pending: int

    @classmethod
    def of(cls, progress: ClockProgress) -> "ClockView":
        return cls(now=progress.now, target=progress.target, pending=progress.pending)


class SandboxController(Controller):
    path = "/v1/sandbox/clock"
    tags = ("Sandbox",)

    @get("/", operation_id="getSandboxClock")
    async def get_clock(self, session: NamedDependency[TenantSession]) -> ClockView:
        """Show what time it is for this sandbox tenant."""
        return ClockView.of(await service.clock(session))

    @post(
        "/",
        operation_id="moveSandboxClock",
        status_code=200,
        responses={202: ResponseSpec(ClockView, description="The clock is on its way.")},
    )
    async def move_clock(
        self,
        sessions: NamedDependency[Sessions],
        principal: NamedDependency[Principal],
        actor: NamedDependency[Actor],
        advances: NamedDependency[Advances],
        data: JSONBody[MoveClock],
    ) -> Response[ClockView]:
        """Move the clock forward, firing on the way what falls due, each at its own instant.

        Answers 202 when that takes long: it goes on by itself, and `GET` shows how far it has come. Repeating
        the request does no harm, so it needs no Idempotency-Key.
        """
        progress = await drive.move_clock(
            sessions, principal.tenant_id, actor, to=data.now, advances=advances
        )
        return Response(ClockView.of(progress), status_code=200 if progress.arrived else 202)
