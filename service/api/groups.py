"""HTTP for groups of members: parse, call one use case, render."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional
from service.api.conditional import Precondition
from service.api.fields import Name
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.people import MemberView
from service.audit.domain import Actor
from service.calendars import service as calendars
from service.db import TenantSession
from service.ids import GroupId, MemberId
from service.people import groups
from service.people.domain import Group
from service.people.groups import GroupEntry


class RecordGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members who work together. The manager, to whom escalations climb, need not be one of them.

    Promises with `calendar_of: group` count by the group's `calendar`.
    """

    name: Name
    manager_id: MemberId | None = None
    calendar: Name | None = None

    def entry(self) -> GroupEntry:
        return GroupEntry(self.name, self.manager_id, self.calendar)


class GroupView(msgspec.Struct, frozen=True):
    """A group. Its version grows with each change, also of who is in it."""

    id: GroupId
    name: str
    manager_id: MemberId | None
    calendar: str | None
    version: int
    created_at: datetime

    @classmethod
    def of(cls, group: Group) -> "GroupView":
        return cls(
            id=group.id,
            name=group.name,
            manager_id=group.manager_id,
            calendar=group.calendar,
            version=group.version,
            created_at=group.created_at,
        )


class GroupController(Controller):
    path = "/v1/groups"
    tags = ("Groups",)

    @post("/", operation_id="createGroup")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        data: JSONBody[RecordGroup],
    ) -> Response[GroupView]:
        """Create a group of members."""

        async def effect() -> Response[GroupView]:
            shared = await calendars.names(session)
            group = await groups.create_group(session, actor, data.entry(), calendars=shared, now=now)
            view, address = GroupView.of(group), f"/v1/groups/{group.id}"
            return conditional.created(view, tag=_tag(group), address=address)

        return await once(effect)

    @get("/", operation_id="listGroups")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[GroupView]]:
        """List the groups, oldest first."""
        found = await groups.list_groups(session, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda group: group.id, view=GroupView.of)

    @get("/{group_id:uuid}", operation_id="getGroup")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        group_id: FromPath[GroupId],
    ) -> Response[GroupView]:
        """Show one group."""
        group = await groups.get_group(session, group_id)
        return conditional.respond(request, GroupView.of(group), tag=_tag(group))

    @put("/{group_id:uuid}", operation_id="changeGroup")
    async def change(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        group_id: FromPath[GroupId],
        data: JSONBody[RecordGroup],
    ) -> Response[GroupView]:
        """Replace a group's name, manager and calendar."""
        precondition.check(_tag(await groups.get_group(session, group_id, lock=True)))
        shared = await calendars.names(session)
        changed = await groups.change_group(session, actor, group_id, data.entry(), calendars=shared, now=now)
        return _shown(changed)

    @delete("/{group_id:uuid}", operation_id="removeGroup", status_code=204)
    async def remove(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        group_id: FromPath[GroupId],
    ) -> None:
        """Remove a group. Who was in it stays a member."""
        precondition.check(_tag(await groups.get_group(session, group_id, lock=True)))
        await groups.remove_group(session, actor, group_id, now=now)

    @get("/{group_id:uuid}/members", operation_id="listGroupMembers")
    async def list_members(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        group_id: FromPath[GroupId],
    ) -> Response[Page[MemberView]]:
        """List who is in a group."""
        found = await groups.list_group_members(
            session, group_id, after=paging.after(UUID), limit=paging.sought
        )
        return paging.page(found, position=lambda member: member.id, view=MemberView.of)

    @put("/{group_id:uuid}/members/{member_id:uuid}", operation_id="addGroupMember")
    async def add_member(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        group_id: FromPath[GroupId],
        member_id: FromPath[MemberId],
    ) -> Response[GroupView]:
        """Put a member into a group. If-Match names the version of the group."""
        precondition.check(_tag(await groups.get_group(session, group_id, lock=True)))
        return _shown(await groups.add_group_member(session, actor, group_id, member_id, now=now))

    @delete("/{group_id:uuid}/members/{member_id:uuid}", operation_id="removeGroupMember", status_code=200)
    async def remove_member(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        precondition: NamedDependency[Precondition],
        group_id: FromPath[GroupId],
        member_id: FromPath[MemberId],
    ) -> Response[GroupView]:
        """Take a member out of a group. If-Match names the version of the group."""
        precondition.check(_tag(await groups.get_group(session, group_id, lock=True)))
        return _shown(await groups.remove_group_member(session, actor, group_id, member_id, now=now))


def _shown(group: Group) -> Response[GroupView]:
    return Response(GroupView.of(group), headers={"ETag": _tag(group)})


def _tag(group: Group) -> str:
    return conditional.etag(group.id, group.version)
