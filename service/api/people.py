"""HTTP for members: parse, call one use case, render. Their accounts are their own, and not seen here."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional, security
from service.api.conditional import Precondition
from service.api.fields import Name
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.security import Principal
from service.audit.domain import Actor
from service.clock import Clock
from service.db import TenantSession
from service.ids import MemberId
from service.people import invitations, service
from service.people.domain import Link, Member, MemberState, Role, in_order
from service.people.invitations import Delivery, Invited, Invitee
from service.people.service import MemberEntry
from service.rationalization.approvals import delegating
from service.settings import Settings
from service.vault import Vault

Email = Annotated[str, msgspec.Meta(min_length=3, max_length=254, description="Where the invitation goes.")]
Roles = Annotated[
    tuple[Role, ...],
    msgspec.Meta(min_length=1, max_length=len(Role), description="What the member is there for."),
]


class InviteMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to become a member, and in which roles."""

    email: Email
    name: Name
    roles: Roles


class ChangeMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What this tenant says of a member."""

    name: Name
    roles: Roles


class MemberView(msgspec.Struct, frozen=True):
    id: MemberId
    email: str
    name: str
    roles: list[Role]
    state: MemberState
    version: int
    created_at: datetime

    @classmethod
    def of(cls, member: Member) -> "MemberView":
        return cls(
            id=member.id,
            email=member.email,
            name=member.name,
            roles=in_order(member.roles),
            state=member.state,
            version=member.version,
            created_at=member.created_at,
        )


class InvitationView(msgspec.Struct, frozen=True):
    """A link that makes the invited a member, once. It is shown this once."""

    url: str
    expires_at: datetime

    @classmethod
    def of(cls, link: Link) -> "InvitationView":
        return cls(url=link.url, expires_at=link.expires_at)


class InvitedMemberView(MemberView, frozen=True):
    """A member that is invited, with the link that was sent to it."""

    invitation: InvitationView

    @classmethod
    def showing(cls, invited: Invited) -> "InvitedMemberView":
        view = MemberView.of(invited.member)
        return cls(**msgspec.structs.asdict(view), invitation=InvitationView.of(invited.link))


class MemberController(Controller):
    path = "/v1/members"
    tags = ("Members",)

    @post("/", operation_id="inviteMember")
    async def invite(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
        vault: NamedDependency[Vault],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        data: JSONBody[InviteMember],
    ) -> Response[InvitedMemberView]:
        """Invite somebody by mail, in roles that may do no more than you. The answer shows the link once."""
        security.check_roles_given(principal, data.roles)

        async def effect() -> Response[InvitedMemberView]:
            invitee, delivery = Invitee(data.email, data.name, data.roles), Delivery(settings.issuer, vault)
            invited = await invitations.invite(session, actor, invitee, delivery, now=clock.now())
            return _invited(invited)

        return await once(effect, secret=True)

    @get("/", operation_id="listMembers")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[MemberView]]:
        """List the members, oldest first; those that are invited and those that are deactivated too."""
        found = await service.list_members(session, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda member: member.id, view=MemberView.of)

    @get("/{member_id:uuid}", operation_id="getMember")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        member_id: FromPath[MemberId],
    ) -> Response[MemberView]:
        """Show one member."""
        member = await service.get_member(session, member_id)
        return conditional.respond(request, MemberView.of(member), tag=_tag(member))

    @put("/{member_id:uuid}", operation_id="changeMember")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        member_id: FromPath[MemberId],
        data: JSONBody[ChangeMember],
    ) -> Response[MemberView]:
        """Replace a member's name and roles. Nobody changes the own roles; the last admin stays one."""
        member = await service.lock_member(session, member_id)
        precondition.check(_tag(member))
        security.check_roles_given(principal, frozenset(data.roles) - member.roles)
        entry = MemberEntry(data.name, data.roles)
        return _shown(await service.change_member(session, actor, member_id, entry))

    @post("/{member_id:uuid}/deactivate", operation_id="deactivateMember", status_code=200)
    async def deactivate(
        self,
        session: NamedDependency[TenantSession],
        clock: NamedDependency[Clock],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        member_id: FromPath[MemberId],
    ) -> Response[MemberView]:
        """Let a member do nothing any more: its tokens are refused within a minute, its invitation ends.

        Nobody answers approvals for it from then on.
        """
        precondition.check(_tag(await service.lock_member(session, member_id)))
        member = await service.deactivate(session, actor, member_id, now=clock.now())
        await delegating.end_all_of(session, actor, member_id, now=now)
        return _shown(member)

    @post("/{member_id:uuid}/reactivate", operation_id="reactivateMember", status_code=200)
    async def reactivate(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        member_id: FromPath[MemberId],
    ) -> Response[MemberView]:
        """Let a member in again. One that never accepted its invitation is to be invited again."""
        precondition.check(_tag(await service.lock_member(session, member_id)))
        return _shown(await service.reactivate(session, actor, member_id))

    @post("/{member_id:uuid}/invitations", operation_id="inviteMemberAgain")
    async def invite_again(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
        vault: NamedDependency[Vault],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        member_id: FromPath[MemberId],
    ) -> Response[InvitedMemberView]:
        """Send a new link to who has not accepted yet. The one before does not count any more."""

        async def effect() -> Response[InvitedMemberView]:
            member = await service.lock_member(session, member_id)
            security.check_roles_given(principal, member.roles)
            delivery = Delivery(settings.issuer, vault)
            return _invited(
                await invitations.invite_again(session, actor, member_id, delivery, now=clock.now())
            )

        return await once(effect, secret=True)


def _shown(member: Member) -> Response[MemberView]:
    return Response(MemberView.of(member), headers={"ETag": _tag(member)})


def _invited(invited: Invited) -> Response[InvitedMemberView]:
    member = invited.member
    view, address = InvitedMemberView.showing(invited), f"/v1/members/{member.id}"
    return conditional.created(view, tag=_tag(member), address=address)


def _tag(member: Member) -> str:
    return conditional.etag(member.id, member.version)
