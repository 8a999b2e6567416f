"""Invitations and members on a real database: who accepts, with which account, and the last admin."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import MemberId
from service.mail.models import MailRow
from service.people import invitations, logins, service
from service.people.domain import INVITATION_TTL, MemberState, Origin, Person, Role
from service.people.domain.outcomes import Attempt, LoggedInAnew, Refused
from service.people.errors import (
    AccountExists,
    InvitationForAnother,
    InvitationNotFound,
    LastAdmin,
    PasswordUnfit,
)
from service.people.invitations import MAIL_PAUSE, Acceptance, Delivery, Invitee
from service.people.models import MembershipRecord, PersonRecord
from service.people.service import MemberEntry
from service.platform import PlatformSession
from service.tenants.domain import Tenant
from tests import factories, locks
from tests.factories import NOON, OPERATOR, VAULT

pytestmark = pytest.mark.usefixtures("cheap_passwords")

EMAIL = "ada@harbour.test"
PASSWORD = "three boats in the old harbour"  # noqa: S105 - of a test
OTHER_PASSWORD = "quiet water under the bridge"  # noqa: S105 - of a test
ORIGIN = Origin(address="192.0.2.1")
DELIVERY = Delivery("http://rooted.test", VAULT)


async def invited(session: TenantSession, *, email: str = EMAIL, role: Role = Role.AGENT) -> str:
    """The secret of a new invitation."""
    invitee = Invitee(email, "Ada Harbour", (role,))
    made = await invitations.invite(session, OPERATOR, invitee, DELIVERY, now=NOON)
    return factories.secret_of(made.link.url)


async def accepted(session: TenantSession, secret: str, *, password: str = PASSWORD) -> LoggedInAnew:
    acceptance = Acceptance("Ada", password, ORIGIN)
    return await invitations.accept_invitation(session, VAULT, secret, acceptance, now=NOON)


async def test_an_invitation_says_what_it_offers_until_it_is_accepted_or_expires(
    session: TenantSession, tenant: Tenant
) -> None:
    secret = await invited(session)

    offered = await invitations.invitation(session, secret, now=NOON)
    expired = await invitations.invitation(session, secret, now=NOON + INVITATION_TTL)
    await accepted(session, secret)

    assert offered is not None
    assert (offered.email, offered.tenant_name, offered.has_account) == (EMAIL, tenant.name, False)
    assert offered.roles == {Role.AGENT}
    assert expired is None
    assert await invitations.invitation(session, secret, now=NOON) is None
    with pytest.raises(InvitationNotFound):
        await accepted(session, secret)


async def test_who_accepts_is_logged_in_in_that_tenant(session: TenantSession) -> None:
    admitted = await accepted(session, await invited(session))

    found = await logins.session_of(PlatformSession(session.db), admitted.token, now=NOON)

    assert found is not None
    assert found.tenant_id == session.tenant_id
    assert found.member_id is not None
    member = await service.get_member(session, found.member_id)
    standing = await service.standing(session, found.member_id)
    assert member.state is MemberState.ACTIVE
    assert standing is not None
    assert (standing.active, standing.roles) == (True, {Role.AGENT})
    assert standing.tokens_valid_from <= NOON


@pytest.mark.parametrize(("called", "joins_as"), [("Ada@Harbour.test", "Ada"), ("Countess", "Countess")])
async def test_who_was_invited_without_a_name_is_called_as_it_calls_itself(
    session: TenantSession, called: str, joins_as: str
) -> None:
    made = await invitations.invite(
        session, OPERATOR, Invitee(EMAIL, called, (Role.AGENT,)), DELIVERY, now=NOON
    )

    await accepted(session, factories.secret_of(made.link.url))

    assert (await service.get_member(session, made.member.id)).name == joins_as


async def test_an_invitation_of_one_tenant_is_none_of_another(sessions: Sessions, tenant: Tenant) -> None:
    other = await factories.tenant(sessions)
    async with tenant_transaction(sessions, tenant.id) as session:
        secret = await invited(session)
    async with tenant_transaction(sessions, other.id) as session:
        assert await invitations.invitation(session, secret, now=NOON) is None


async def test_the_link_is_sent_by_mail_sealed(session: TenantSession) -> None:
    secret = await invited(session)

    mails = list(await session.db.scalars(select(MailRow).where(MailRow.recipient == EMAIL)))

    assert len(mails) == 1
    assert mails[0].sealed_body is not None
    assert secret.encode() not in mails[0].sealed_body


@pytest.mark.parametrize("password", ["short", "ada.harbour.test.1", "x" * 129])
async def test_nobody_joins_with_a_password_that_would_be_guessed(
    session: TenantSession, password: str
) -> None:
    secret = await invited(session)

    with pytest.raises(PasswordUnfit):
        await accepted(session, secret, password=password)

    assert await invitations.invitation(session, secret, now=NOON) is not None


async def test_who_has_an_account_accepts_with_it_and_belongs_to_both_tenants(
    sessions: Sessions, tenant: Tenant
) -> None:
    other = await factories.tenant(sessions)
    async with tenant_transaction(sessions, tenant.id) as session:
        person = (await accepted(session, await invited(session))).person
    async with tenant_transaction(sessions, other.id) as session:
        secret = await invited(session, role=Role.ADMIN)
        offered = await invitations.invitation(session, secret, now=NOON)
        with pytest.raises(AccountExists):
            await accepted(session, secret, password=OTHER_PASSWORD)
        await invitations.accept_invitation_as(session, secret, person, origin=ORIGIN, now=NOON)
        platform = PlatformSession(session.db)
        belongs = await logins.memberships(platform, person.id)
        outcome = await logins.log_in(platform, VAULT, Attempt(EMAIL, PASSWORD, ORIGIN), now=NOON)

    assert offered is not None
    assert offered.has_account
    assert {each.tenant_id for each in belongs} == {tenant.id, other.id}
    assert isinstance(outcome, LoggedInAnew), "the account's password is what it was"


async def test_an_invitation_is_for_its_address_only(sessions: Sessions, tenant: Tenant) -> None:
    other = await factories.tenant(sessions)
    async with tenant_transaction(sessions, tenant.id) as session:
        mallory = (await accepted(session, await invited(session, email="mallory@harbour.test"))).person
    async with tenant_transaction(sessions, other.id) as session:
        secret = await invited(session, role=Role.ADMIN)
        with pytest.raises(InvitationForAnother):
            await invitations.accept_invitation_as(session, secret, mallory, origin=ORIGIN, now=NOON)
        assert [each.tenant_id for each in await _memberships(session, mallory)] == [tenant.id]


async def test_who_is_active_nowhere_may_log_in_to_accept_and_no_longer(
    sessions: Sessions, tenant: Tenant
) -> None:
    other = await factories.tenant(sessions)
    async with tenant_transaction(sessions, tenant.id) as session:
        admitted = await accepted(session, await invited(session))
        await service.deactivate(session, OPERATOR, await _member_of(session, admitted.person), now=NOON)
        assert await _log_in(session) == Refused()
    async with tenant_transaction(sessions, other.id) as session:
        await invited(session)
        let_in = await _log_in(session)
        assert isinstance(let_in, LoggedInAnew)
        platform = PlatformSession(session.db)
        chosen = await logins.choose_tenant(platform, let_in.token, other.id, now=NOON)
        nowhere = await _memberships(session, admitted.person)
        found = (await service.list_members(session, after=None, limit=2))[0]
        await service.deactivate(session, OPERATOR, found.id, now=NOON)
        assert await _log_in(session) == Refused()

    assert chosen is None
    assert nowhere == []


async def test_a_deactivated_members_tokens_end_and_do_not_come_back(session: TenantSession) -> None:
    await accepted(session, await invited(session))
    member = (await service.list_members(session, after=None, limit=2))[0]
    at = NOON + timedelta(minutes=1)

    await service.deactivate(session, OPERATOR, member.id, now=at)
    gone = await service.standing(session, member.id)
    await service.reactivate(session, OPERATOR, member.id)
    back = await service.standing(session, member.id)

    assert gone is not None
    assert back is not None
    assert (gone.active, back.active) == (False, True)
    assert gone.tokens_valid_from == back.tokens_valid_from == at


async def test_who_was_only_invited_has_no_standing(session: TenantSession) -> None:
    await invited(session)
    member = (await service.list_members(session, after=None, limit=2))[0]

    assert await service.standing(session, member.id) is None


async def test_expired_invitations_are_forgotten_and_the_member_can_be_invited_again(
    session: TenantSession,
) -> None:
    await invited(session)
    member = (await service.list_members(session, after=None, limit=2))[0]
    late = NOON + INVITATION_TTL + timedelta(seconds=1)

    await service.tidy(session, now=late)
    again = await invitations.invite_again(session, OPERATOR, member.id, DELIVERY, now=late)

    secret = factories.secret_of(again.link.url)
    assert await invitations.invitation(session, secret, now=late) is not None


async def test_nobody_is_flooded_with_invitations(session: TenantSession) -> None:
    await invited(session)
    member = (await service.list_members(session, after=None, limit=2))[0]

    for seconds in (1, 2, 3):
        now = NOON + timedelta(seconds=seconds)
        again = await invitations.invite_again(session, OPERATOR, member.id, DELIVERY, now=now)
    counts = await invitations.invitation(session, factories.secret_of(again.link.url), now=now)
    soon = await _letters(session)
    await invitations.invite_again(session, OPERATOR, member.id, DELIVERY, now=now + MAIL_PAUSE)

    assert counts is not None
    assert (soon, await _letters(session)) == (1, 2)


async def _letters(session: TenantSession) -> int:
    return len(list(await session.db.scalars(select(MailRow).where(MailRow.recipient == EMAIL))))


@pytest.mark.concurrent
async def test_of_admins_who_leave_or_are_demoted_at_once_one_stays(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)
    members = [await factories.member(own_sessions, tenant, Role.ADMIN) for _ in range(6)]

    async def leave(member: MemberId, *, demoted: bool) -> bool:
        try:
            async with tenant_transaction(own_sessions, tenant.id) as session:
                await service.lock_member(session, member)
                if demoted:
                    entry = MemberEntry("Ada", (Role.AGENT,))
                    await service.change_member(session, OPERATOR, member, entry)
                else:
                    await service.deactivate(session, OPERATOR, member, now=NOON)
        except LastAdmin:
            return False
        return True

    for _ in range(5):  # a race is lost now and then, not always
        left = await asyncio.gather(
            *(leave(member, demoted=number % 2 == 0) for number, member in enumerate(members))
        )
        assert left.count(False) == 1
        async with tenant_transaction(own_sessions, tenant.id) as session:
            found = await service.list_members(session, after=None, limit=10)
            admins = [each for each in found if Role.ADMIN in each.roles]
            assert sum(each.state is MemberState.ACTIVE for each in admins) == 1
            for each in found:
                await service.reactivate(session, OPERATOR, each.id)
                await service.change_member(session, OPERATOR, each.id, MemberEntry("Ada", (Role.ADMIN,)))


@pytest.mark.concurrent
async def test_a_link_that_is_used_twice_at_once_makes_one_account(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)
    async with tenant_transaction(own_sessions, tenant.id) as session:
        secret = await invited(session)

    async def accept(password: str) -> bool:
        try:
            async with tenant_transaction(own_sessions, tenant.id) as session:
                await accepted(session, secret, password=password)
        except (InvitationNotFound, AccountExists):
            return False
        return True

    joined = await asyncio.gather(*(accept(each) for each in (PASSWORD, OTHER_PASSWORD) * 2))

    assert joined.count(True) == 1
    async with tenant_transaction(own_sessions, tenant.id) as session:
        assert len(list(await session.db.scalars(select(PersonRecord)))) == 1
        assert len(list(await session.db.scalars(select(MembershipRecord)))) == 1


@pytest.mark.concurrent
async def test_an_invitation_that_is_withdrawn_while_it_is_accepted_does_not_count(
    own_sessions: Sessions,
) -> None:
    first, second = [await factories.tenant(own_sessions) for _ in range(2)]
    async with tenant_transaction(own_sessions, first.id) as session:
        person = (await accepted(session, await invited(session))).person
    async with tenant_transaction(own_sessions, second.id) as session:
        secret = await invited(session)
        member = (await service.list_members(session, after=None, limit=1))[0]

    async def accept() -> None:
        async with tenant_transaction(own_sessions, second.id) as session:
            await invitations.accept_invitation_as(session, secret, person, origin=ORIGIN, now=NOON)

    async with tenant_transaction(own_sessions, second.id) as session:
        await service.deactivate(session, OPERATOR, member.id, now=NOON)
        accepting = asyncio.create_task(accept())
        await locks.is_waited_for(own_sessions)
    with pytest.raises(InvitationNotFound):
        await accepting

    async with tenant_transaction(own_sessions, second.id) as session:
        assert (await service.get_member(session, member.id)).state is MemberState.DEACTIVATED
        assert [each.tenant_id for each in await _memberships(session, person)] == [first.id]


@pytest.mark.concurrent
async def test_one_address_invited_by_two_tenants_becomes_one_account(own_sessions: Sessions) -> None:
    tenants = [await factories.tenant(own_sessions) for _ in range(2)]

    async def accept(tenant: Tenant) -> bool:
        try:
            async with tenant_transaction(own_sessions, tenant.id) as session:
                await accepted(session, await invited(session))
        except AccountExists:
            return False
        return True

    joined = await asyncio.gather(*(accept(tenant) for tenant in tenants))

    assert sorted(joined) == [False, True]


async def _log_in(session: TenantSession) -> logins.LogInOutcome:
    attempt = Attempt(EMAIL, PASSWORD, ORIGIN)
    return await logins.log_in(PlatformSession(session.db), VAULT, attempt, now=NOON)


async def _memberships(session: TenantSession, person: Person) -> list[logins.Membership]:
    return await logins.memberships(PlatformSession(session.db), person.id)


async def _member_of(session: TenantSession, person: Person) -> MemberId:
    (membership,) = await _memberships(session, person)
    return membership.member_id
