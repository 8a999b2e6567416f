"""HTTP for delegations: parse, call one use case, render."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional
from service.api.conditional import Precondition
from service.api.delegation_views import DelegationView, GiveDelegation
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.permissions import LEADS, OVERSEERS
from service.api.security import Principal
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import DelegationId, MemberId
from service.rationalization.approvals import delegating as service
from service.rationalization.approvals.domain.delegations import Delegation, State, state
from service.rationalization.approvals.errors import ApprovalNeedsMember, DelegationOfAnother


class DelegationController(Controller):
    path = "/v1/delegations"
    tags = ("Approvals",)

    @post("/", operation_id="giveDelegation")
    async def give(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[GiveDelegation],
    ) -> Response[DelegationView]:
        """Let another member answer for one who is away. Leads do so for others, members for themselves."""
        member_id = _whose(principal, data.member_id)

        async def effect() -> Response[DelegationView]:
            given = await service.give(session, actor, data.wish(member_id), now=now)
            view = DelegationView.of(given, now)
            return conditional.created(view, tag=_tag(given, now), address=f"/v1/delegations/{given.id}")

        return await once(effect)

    @get("/", operation_id="listDelegations")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        paging: NamedDependency[Paging],
    ) -> Response[Page[DelegationView]]:
        """List delegations, oldest first: those from or to the member; leads and auditors see all."""
        found = await service.list_delegations(
            session, concerning=_concerning(principal), after=paging.after(UUID), limit=paging.sought
        )
        return paging.page(
            found, position=lambda each: each.id, view=lambda each: DelegationView.of(each, now)
        )

    @get("/{delegation_id:uuid}", operation_id="getDelegation")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        delegation_id: FromPath[DelegationId],
    ) -> Response[DelegationView]:
        """Show one delegation."""
        found = await service.get(session, delegation_id, concerning=_concerning(principal))
        return conditional.respond(request, DelegationView.of(found, now), tag=_tag(found, now))

    @delete("/{delegation_id:uuid}", operation_id="endDelegation", status_code=204)
    async def end(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        delegation_id: FromPath[DelegationId],
    ) -> None:
        """Take a delegation back. Answers that were given by it stay, and so does its record."""
        found = await service.get(session, delegation_id, concerning=_concerning(principal), lock=True)
        _whose(principal, found.member_id)
        precondition.check(_tag(found, now))
        await service.end(session, actor, delegation_id, now=now)


def _whose(principal: Principal, member_id: MemberId | None) -> MemberId:
    """Whose approvals are meant: the caller's own, where it names nobody.

    Raises:
        ApprovalNeedsMember, DelegationOfAnother
    """
    if principal.member_id is None:
        raise ApprovalNeedsMember
    if member_id is None or member_id == principal.member_id:
        return principal.member_id
    if not principal.roles & LEADS:
        raise DelegationOfAnother
    return member_id


def _concerning(principal: Principal) -> MemberId | None:
    """Whose delegations the caller sees; None for all."""
    return None if principal.roles & (LEADS | OVERSEERS) else principal.member_id


def _tag(delegation: Delegation, now: datetime) -> str:
    """What is shown of it changes with time too: it begins, and is over."""
    return conditional.etag(delegation.id, delegation.version, list(State).index(state(delegation, now)))
