"""Use cases of invitations: a link makes a member active, once. `now` is the wall clock's."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.errors import Fault
from service.ids import MemberId, PersonId
from service.limits import service as limits
from service.limits.domain.table import MEMBERS
from service.mail import service as mail
from service.names import faults_of_name
from service.people import accounts, browsers, hashing, letters, logins, store
from service.people.domain import (
    INVITATION_TTL,
    Factor,
    Invitation,
    Lifetimes,
    Link,
    Member,
    MemberState,
    Origin,
    Person,
    Role,
    faults_of_email,
    faults_of_roles,
    in_order,
    normal_email,
)
from service.people.domain import accounts as rules
from service.people.domain.outcomes import LoggedInAnew
from service.people.domain.passwords import faults_of_password
from service.people.errors import (
    AccountExists,
    InvitationForAnother,
    InvitationNotFound,
    MemberInvalid,
    MemberNotInvited,
    PasswordUnfit,
)
from service.people.logins import LIFETIMES, Door
from service.people.models import MemberRow, PersonRecord
from service.platform import PlatformSession
from service.tenants import service as tenants
from service.vault import Vault

MAIL_PAUSE = timedelta(minutes=10)
"""A link that is made sooner after another one is in the answer only."""


@dataclass(frozen=True, slots=True)
class Invitee:
    """Who is to become a member, and in which roles."""

    email: str
    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a link reaches the invited: under this address of ours, and by mail if a vault can seal it."""

    issuer: str
    vault: Vault | None


@dataclass(frozen=True, slots=True)
class Invited:
    """A member that is invited, and the link by which it may accept. It is shown this once."""

    member: Member
    link: Link


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What somebody without an account chooses when it accepts."""

    name: str
    password: str = field(repr=False)
    origin: Origin


async def invite(
    session: TenantSession, actor: Actor, invitee: Invitee, delivery: Delivery, *, now: datetime
) -> Invited:
    """Invite somebody to be a member. Raises MemberInvalid, EmailTaken, MembersTooMany."""
    email = normal_email(invitee.email)
    faults = faults_of_email(email) + faults_of_name(invitee.name) + faults_of_roles(invitee.roles)
    if faults:
        raise MemberInvalid(faults)
    await limits.make_room(session, MEMBERS, lambda: store.member_count(session))
    member = Member(
        id=MemberId(ids.new_id()),
        person_id=None,
        email=email,
        name=invitee.name,
        roles=frozenset(Role(role) for role in invitee.roles),
        state=MemberState.INVITED,
        version=1,
        created_at=now,
    )
    shown = {"email": email, "name": member.name, "roles": in_order(member.roles)}
    await store.add_member(
        session,
        member.id,
        person_id=None,
        **shown,
        state=member.state,
        tokens_valid_from=rules.tokens_begin_at(now),
        version=1,
        created_at=now,
    )
    link = await _link(session, member, delivery, now=now)
    await _record(session, actor, Deed("member.invited", f"member:{member.id}", after=shown))
    return Invited(member, link)


async def invite_again(
    session: TenantSession, actor: Actor, member_id: MemberId, delivery: Delivery, *, now: datetime
) -> Invited:
    """Replace the link of who has not accepted yet. One that follows another soon is not mailed.

    Raises:
        MemberNotFound, MemberNotInvited
    """
    row, _ = await store.lock_member(session, member_id)
    member = row.to_domain()
    if member.state is not MemberState.INVITED:
        raise MemberNotInvited(member_id)
    made_at = await store.withdraw_invitations(session, member_id)
    if made_at is not None and now < made_at + MAIL_PAUSE:
        delivery = replace(delivery, vault=None)
    link = await _link(session, member, delivery, now=now)
    after = {"invitation_expires_at": link.expires_at}
    await _record(session, actor, Deed("member.invited_again", f"member:{member_id}", after=after))
    return Invited(member, link)


async def invitation(session: TenantSession, secret: str, *, now: datetime) -> Invitation | None:
    """What the link of this secret offers; None when it does not count any more."""
    found = await store.invitation(session, rules.digest(secret), now=now)
    if found is None:
        return None
    row, member = found
    tenant = await tenants.get(session)
    person = await accounts.person_at(PlatformSession(session.db), member.email)
    return Invitation(
        tenant_id=session.tenant_id,
        tenant_name=tenant.name,
        member_id=MemberId(member.id),
        email=member.email,
        name=member.name,
        roles=member.to_domain().roles,
        expires_at=row.expires_at,
        has_account=person is not None,
    )


async def accept_invitation(
    session: TenantSession,
    vault: Vault,
    secret: str,
    acceptance: Acceptance,
    *,
    now: datetime,
    lifetimes: Lifetimes = LIFETIMES,
) -> LoggedInAnew:
    """Make an account and become an active member; the person is logged in, in this tenant.

    Raises:
        InvitationNotFound, AccountExists, PasswordUnfit, PasswordsBusy
    """
    offered = await invitation(session, secret, now=now)
    if offered is None:
        raise InvitationNotFound
    if offered.has_account:
        raise AccountExists
    _refuse_unfit(acceptance, offered.email)
    async with hashing.turn() as turn:
        password_hash = await turn.hash(acceptance.password)
    member = await _taken(session, secret, offered.member_id, now=now)
    person = PersonRecord(
        id=ids.new_id(),
        email=member.email,
        name=acceptance.name,
        password_hash=password_hash,
        sealed_totp_seed=None,
        totp_confirmed_at=None,
        totp_used_step=None,
        tokens_valid_from=rules.tokens_begin_at(now),
        created_at=now,
    )
    platform = PlatformSession(session.db)
    if not await accounts.add_person(platform, person):
        raise AccountExists
    await _join(session, member, accounts.to_person(person), acceptance.origin, now=now)
    door = Door(platform, vault, now, lifetimes)
    admitted = await logins.admit(door, person, acceptance.origin, factors=(Factor.PASSWORD,))
    await logins.choose_tenant(platform, admitted.token, session.tenant_id, now=now, lifetimes=lifetimes)
    return admitted


async def accept_invitation_as(
    session: TenantSession, secret: str, person: Person, *, origin: Origin, now: datetime
) -> Member:
    """Become an active member with the account of who is logged in.

    Raises:
        InvitationNotFound, InvitationForAnother
    """
    offered = await invitation(session, secret, now=now)
    if offered is None:
        raise InvitationNotFound
    if offered.email != person.email:
        raise InvitationForAnother
    member = await _taken(session, secret, offered.member_id, now=now)
    await _join(session, member, person, origin, now=now)
    return member.to_domain()


async def _taken(session: TenantSession, secret: str, member_id: MemberId, *, now: datetime) -> MemberRow:
    """The invited member, locked, with its link used up. Raises InvitationNotFound."""
    await store.lock_member(session, member_id)
    found = await store.invitation(session, rules.digest(secret), now=now)
    if found is None:
        raise InvitationNotFound
    row, member = found
    row.used_at = now
    return member


async def _join(
    session: TenantSession, member: MemberRow, person: Person, origin: Origin, *, now: datetime
) -> None:
    before: dict[str, Any] = {"state": member.state}
    after: dict[str, Any] = {"state": MemberState.ACTIVE, "person_id": person.id}
    if rules.normal_email(member.name) == member.email:  # nobody has given it another name yet
        before["name"], after["name"] = member.name, person.name
        member.name = person.name
    member.person_id, member.state = person.id, MemberState.ACTIVE
    member.tokens_valid_from = rules.tokens_begin_at(now)
    member.version += 1
    await session.db.flush()
    member_id = MemberId(member.id)
    await accounts.put_membership(
        PlatformSession(session.db), person.id, session.tenant_id, member_id, active=True
    )
    subject = f"member:{member_id}"
    actor = Actor(name=subject, address=origin.address, http_request_id=origin.http_request_id)
    await _record(session, actor, Deed("member.joined", subject, before=before, after=after))


async def _link(session: TenantSession, member: Member, delivery: Delivery, *, now: datetime) -> Link:
    """A new link for a member, sent by mail too. An account with the address may log in to accept it."""
    secret, expires_at = browsers.new_token(), now + INVITATION_TTL
    await store.add_invitation(session, member.id, rules.digest(secret), now=now, expires_at=expires_at)
    link = Link(delivery.issuer + rules.invitation_path(session.tenant_id, secret), expires_at)
    platform = PlatformSession(session.db)
    person = await accounts.person_at(platform, member.email)
    if person is not None:
        whose = PersonId(person.id), session.tenant_id, member.id
        await accounts.put_membership(platform, *whose, active=False)
    if delivery.vault is not None:
        tenant = await tenants.get(session)
        letter = letters.invitation(member.email, tenant.name, link)
        await mail.enqueue(platform, delivery.vault, letter, now=now)
    return link


async def _record(session: TenantSession, actor: Actor, deed: Deed) -> None:
    await audit.record(session, actor, deed, now=await tenants.now(session))


def _refuse_unfit(acceptance: Acceptance, email: str) -> None:
    faults: list[Fault] = [
        *faults_of_name(acceptance.name),
        *faults_of_password(acceptance.password, email=email, name=acceptance.name),
    ]
    if faults:
        raise PasswordUnfit(faults)
