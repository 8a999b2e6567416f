"""Whom a step tells, of the targets that it names: decided on who there is, and what is so then. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from service.escalations.ladders.domain.definition import (
    Channel,
    Reassign,
    Target,
    ToContact,
    ToGroup,
    ToManager,
    ToMember,
    ToOwner,
    ToRole,
    ToRota,
    ToSkill,
    ToWebhook,
    Who,
)
from service.ids import ClientId, ContactId, EndpointId, MemberId, ServiceId


@dataclass(frozen=True, slots=True)
class Member:
    """An active member, who is told by the tenant's webhooks."""

    id: MemberId
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Client:
    """A client organization, for the contact who asks, if the request names one."""

    id: ClientId
    contact_id: ContactId | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook endpoint of the tenant's own."""

    id: EndpointId


@dataclass(frozen=True, slots=True)
class Reassignment:
    """The group that gets the request; its members are told besides."""

    group: str


Whom: TypeAlias = Member | Client | Endpoint | Reassignment


@dataclass(frozen=True, slots=True)
class Recipient:
    """One who is told.

    Attributes:
        target: the index, among the step's targets, of the one that it comes from.
    """

    whom: Whom
    target: int
    channel: Channel


class SkipCause(StrEnum):
    """Why a target is passed by."""

    OUTSIDE_HOURS = "outside_hours"
    """Its calendar is not open."""
    UNKNOWN = "unknown"
    """There is no such group, rota or endpoint any more, or the endpoint is disabled."""
    INACTIVE = "inactive"
    """The member is not active."""
    NOBODY = "nobody"
    """There is nobody behind it now: an empty group, a gap on the rota, a request of no client."""
    TOLD_ALREADY = "told_already"
    """All behind it are told by an earlier target, or by a higher step at the same instant."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A target that is passed by, so that the next one bridges it."""

    target: int
    cause: SkipCause


@dataclass(frozen=True, slots=True)
class Resolution:
    """Whom a step tells. Without recipients nobody is."""

    recipients: tuple[Recipient, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What of a request says whom to tell.

    Attributes:
        assignee: who has it, in the words of its source: a member's id, e-mail address or name.
        assignment_group: the name of the group that has it.
    """

    client_id: ClientId | None = None
    contact_id: ContactId | None = None
    service_id: ServiceId | None = None
    assignee: str | None = None
    assignment_group: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A group: its active members, and the member above it, who need not be active."""

    members: tuple[MemberId, ...] = ()
    manager: MemberId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Who there is.

    Attributes:
        members: the active ones that may be meant.
        roles: the active members in each role.
        groups: by name, those that there are.
        endpoints: of the tenant's own, those that are enabled.
        owner_group: the group that operates the request's service.
    """

    members: Mapping[MemberId, Member]
    roles: Mapping[str, Sequence[MemberId]]
    groups: Mapping[str, Group]
    endpoints: frozenset[EndpointId] = frozenset()
    owner_group: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """What is so at one instant.

    Attributes:
        on_duty: by the name of the rota, of those that there are.
        closed: the names of the calendars that are not open.
    """

    on_duty: Mapping[str, MemberId | None]
    closed: frozenset[str] = frozenset()


def recipients(
    targets: Sequence[Target],
    situation: Situation,
    directory: Directory,
    moment: Moment,
    *,
    only_first: bool = False,
) -> Resolution:
    """Who is told, each once, in the order of the targets.

    Args:
        targets: of the step.
        situation: of the request.
        directory: who there is.
        moment: when it is told.
        only_first: whether the first target with anybody is enough.
    """
    told: dict[Whom, Recipient] = {}
    skipped: list[Skipped] = []
    for index, target in enumerate(targets):
        found = _found(target, situation, directory, moment)
        if isinstance(found, SkipCause):
            skipped.append(Skipped(index, found))
            continue
        new = [whom for whom in found if whom not in told]
        if not new:
            skipped.append(Skipped(index, SkipCause.TOLD_ALREADY))
        told |= {whom: Recipient(whom, index, target.channel) for whom in new}
        if only_first:
            break
    return Resolution(tuple(told.values()), tuple(skipped))


def besides(found: Resolution, told: Collection[Whom]) -> Resolution:
    """Who is told besides these, who are told by another step at the same instant; a request goes anyway."""
    left = tuple(each for each in found.recipients if each.whom not in told)
    gone = {each.target for each in found.recipients} - {each.target for each in left}
    passed = [*found.skipped, *(Skipped(target, SkipCause.TOLD_ALREADY) for target in gone)]
    return Resolution(left, tuple(sorted(passed, key=lambda each: each.target)))


def _found(
    target: Target, situation: Situation, directory: Directory, moment: Moment
) -> tuple[Whom, ...] | SkipCause:
    if target.hours in moment.closed:
        return SkipCause.OUTSIDE_HOURS
    match target.who:
        case ToOwner():
            return _owner(situation, directory)
        case ToManager():
            return _manager(situation, directory)
        case ToContact():
            client_id = situation.client_id
            return SkipCause.NOBODY if client_id is None else (Client(client_id, situation.contact_id),)
        case who:
            return _named(who, directory, moment)


def _named(who: Who, directory: Directory, moment: Moment) -> tuple[Whom, ...] | SkipCause:
    """Who is behind what the ladder names, whatever the request."""
    match who:
        case ToWebhook(endpoint_id):
            return (Endpoint(endpoint_id),) if endpoint_id in directory.endpoints else SkipCause.UNKNOWN
        case Reassign(group):
            behind = _group(group, directory)
            return behind if isinstance(behind, SkipCause) else (Reassignment(group), *behind)
        case ToSkill():
            return SkipCause.NOBODY
        case ToRota(rota):
            return _on_duty(rota, directory, moment)
        case _:
            return _members(who, directory)


def _members(who: Who, directory: Directory) -> tuple[Member, ...] | SkipCause:
    match who:
        case ToMember(member_id):
            return _active(member_id, directory)
        case ToRole(role):
            return _all_of(directory.roles.get(role, ()), directory)
        case ToGroup(group):
            return _group(group, directory)
        case _:
            raise TypeError(f"not a target that stands for members: {who!r}")


def _on_duty(rota: str, directory: Directory, moment: Moment) -> tuple[Member, ...] | SkipCause:
    if rota not in moment.on_duty:
        return SkipCause.UNKNOWN
    member_id = moment.on_duty[rota]
    return SkipCause.NOBODY if member_id is None else _active(member_id, directory)


def _owner(situation: Situation, directory: Directory) -> tuple[Member, ...] | SkipCause:
    """Whoever has the request, as far as it is an active member; else all of the group that has it."""
    if situation.assignee is not None:
        assigned = assigned_member(situation.assignee, directory)
        if assigned is not None:
            return (assigned,)
    answers = [_group(group, directory) for group in _groups_behind(situation, directory)]
    return _first_people(answers)


def _manager(situation: Situation, directory: Directory) -> tuple[Member, ...] | SkipCause:
    """The member above the group that has the request, else above the one that operates its service."""
    known = (directory.groups.get(name) for name in _groups_behind(situation, directory))
    managers = (group.manager for group in known if group is not None)
    return _first_people([_active(manager, directory) for manager in managers if manager is not None])


def assigned_member(assignee: str, directory: Directory) -> Member | None:
    """The active member whose id, else e-mail address, else name this is; None if several have that name."""
    wanted = assignee.strip().casefold()
    for key in (_id_of, _email_of, _name_of):
        meant = [member for member in directory.members.values() if key(member) == wanted]
        if len(meant) == 1:
            return meant[0]
    return None


def _id_of(member: Member) -> str:
    return str(member.id)


def _email_of(member: Member) -> str:
    return member.email.casefold()


def _name_of(member: Member) -> str:
    return member.name.casefold()


def _groups_behind(situation: Situation, directory: Directory) -> Iterator[str]:
    """The groups that have a request, the nearest first."""
    for name in (situation.assignment_group, directory.owner_group):
        if name is not None:
            yield name


def _first_people(answers: Sequence[tuple[Member, ...] | SkipCause]) -> tuple[Member, ...] | SkipCause:
    """The first that is somebody, else why the nearest is nobody."""
    found = next((answer for answer in answers if not isinstance(answer, SkipCause)), None)
    return found or next(iter(answers), SkipCause.NOBODY)


def _group(name: str, directory: Directory) -> tuple[Member, ...] | SkipCause:
    group = directory.groups.get(name)
    return SkipCause.UNKNOWN if group is None else _all_of(group.members, directory)


def _all_of(member_ids: Sequence[MemberId], directory: Directory) -> tuple[Member, ...] | SkipCause:
    found = tuple(directory.members[each] for each in member_ids if each in directory.members)
    return found or SkipCause.NOBODY


def _active(member_id: MemberId, directory: Directory) -> tuple[Member, ...] | SkipCause:
    member = directory.members.get(member_id)
    return SkipCause.INACTIVE if member is None else (member,)
