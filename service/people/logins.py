"""How a person logs in, before any tenant is set: password, second factor, session, choice of the tenant.

What must be kept though the answer is a refusal (a failure that was counted) is returned, not raised: whoever
asks commits in any case. `log_in` waits for its turn before it asks the database, so it is to come first in
its transaction. `now` is the wall clock's. Rows are locked in one order: buckets, person, session.
"""

from dataclasses import dataclass, field
from datetime import datetime

from service.ids import MemberId, PersonId, TenantId
from service.people import accounts, browsers, deeds, hashing, throttling
from service.people.accounts import Account, Opened
from service.people.deeds import ANONYMOUS, Noted
from service.people.domain import Factor, Lifetimes, Membership, Origin, sessions, throttle
from service.people.domain import accounts as rules
from service.people.domain.outcomes import (
    Attempt,
    Ended,
    FactorAttempt,
    FactorNeeded,
    FactorOutcome,
    LoggedIn,
    LoggedInAnew,
    LogInOutcome,
    Refused,
    Throttled,
)
from service.people.hashing import Turn
from service.people.models import LoginSessionRecord, PersonRecord
from service.people.showing import shown_factor
from service.platform import PlatformSession
from service.vault import Vault

LIFETIMES = Lifetimes()


@dataclass(frozen=True, slots=True)
class Door:
    """What one log-in works with.

    Attributes:
        now: the wall clock's.
        lifetimes: of the sessions that are opened.
    """

    platform: PlatformSession
    vault: Vault
    now: datetime
    lifetimes: Lifetimes


@dataclass(frozen=True, slots=True)
class _Proof:
    """That somebody knows the password that was kept then, and how it is to be kept from now on."""

    person_id: PersonId
    kept: str = field(repr=False)
    anew: str = field(repr=False)


async def log_in(
    platform: PlatformSession,
    vault: Vault,
    attempt: Attempt,
    *,
    now: datetime,
    lifetimes: Lifetimes = LIFETIMES,
) -> LogInOutcome:
    """Open a session for who knows the password; halfway, when a second factor is to follow.

    An address that nobody has, a wrong password, a person who is not an active member anywhere: all are
    answered alike, and take as long. What is refused is recorded; what is throttled is not, so that a flood
    of attempts is no flood of records.

    Raises:
        PasswordsBusy
    """
    email = rules.known_form(attempt.email)
    async with hashing.turn() as turn:
        account = await accounts.find(platform, email)
        person_id = None if account is None else PersonId(account.row.id)
        device = browsers.known(vault, person_id, attempt.origin, now=now)
        buckets = throttle.password_buckets(email, attempt.origin.address, device)
        gate = await throttling.glance(platform, buckets, now=now)
        if gate.wait:
            return Throttled(gate.wait)
        proof = await _computed(turn, account, attempt.password)
    gate = await throttling.look(platform, buckets, now=now)
    if gate.wait:
        return Throttled(gate.wait)
    person = None if proof is None else await _held(platform, proof)
    if person is None:
        await throttling.count_failure(platform, gate, now=now)
        refused = Noted(
            action="person.log_in_refused", person_id=person_id, origin=attempt.origin, actor=ANONYMOUS
        )
        await deeds.note(platform, refused, now=now)
        return Refused()
    await throttling.forgive(platform, gate, now=now)
    return await _enter(Door(platform, vault, now, lifetimes), person, attempt.origin)


async def confirm_factor(
    platform: PlatformSession,
    vault: Vault,
    attempt: FactorAttempt,
    *,
    now: datetime,
    lifetimes: Lifetimes = LIFETIMES,
) -> FactorOutcome:
    """Make a session whole that is halfway. Its token is replaced."""
    found = await accounts.session(platform, rules.digest(attempt.token))
    if found is None or not _is_open(found, now, lifetimes, halfway=True):
        return Ended()
    factor = await shown_factor(platform, vault, found.person, attempt, now=now)
    if not isinstance(factor, Factor):
        return factor
    held = await accounts.session(platform, found.row.digest, lock=True)
    if held is None or not _is_open(held, now, lifetimes, halfway=True):
        return Ended()
    held.row.revoked_at = now
    door = Door(platform, vault, now, lifetimes)
    return await admit(door, held.person, attempt.origin, factors=(Factor.PASSWORD, factor))


async def session_of(
    platform: PlatformSession, token: str, *, now: datetime, lifetimes: Lifetimes = LIFETIMES
) -> LoggedIn | None:
    """Who is logged in with this token; None when nobody is, or only halfway."""
    found = await open_session(platform, token, now=now, lifetimes=lifetimes)
    if found is None:
        return None
    if now - found.row.seen_at >= sessions.SEEN_RESOLUTION:
        found.row.seen_at = now
    return _logged_in(found)


async def open_session(
    platform: PlatformSession, token: str, *, now: datetime, lifetimes: Lifetimes
) -> Opened | None:
    """The session of this token, if somebody is logged in with it."""
    found = await accounts.session(platform, rules.digest(token))
    return found if found is not None and _is_open(found, now, lifetimes, halfway=False) else None


async def memberships(platform: PlatformSession, person_id: PersonId) -> list[Membership]:
    """The tenants in which the person is an active member."""
    return await accounts.memberships(platform, person_id)


async def choose_tenant(
    platform: PlatformSession,
    token: str,
    tenant_id: TenantId,
    *,
    now: datetime,
    lifetimes: Lifetimes = LIFETIMES,
) -> LoggedIn | None:
    """Go on in this tenant; None when the session has ended, or the person is not an active member of it."""
    found = await accounts.session(platform, rules.digest(token), lock=True)
    if found is None or not _is_open(found, now, lifetimes, halfway=False):
        return None
    membership = await accounts.membership(platform, PersonId(found.row.person_id), tenant_id)
    if membership is None:
        return None
    found.row.tenant_id, found.row.member_id, found.row.seen_at = tenant_id, membership.member_id, now
    await platform.db.flush()
    return _logged_in(Opened(found.row, found.person, membership))


async def log_out(platform: PlatformSession, token: str, *, now: datetime, origin: Origin) -> None:
    """End the session of this token, if there is one."""
    found = await accounts.session(platform, rules.digest(token), lock=True)
    if found is None or found.row.revoked_at is not None:
        return
    found.row.revoked_at = now
    person_id = PersonId(found.row.person_id)
    await deeds.note(platform, Noted(action="person.logged_out", person_id=person_id, origin=origin), now=now)


async def log_out_everywhere(
    platform: PlatformSession, person_id: PersonId, *, now: datetime, origin: Origin
) -> None:
    """End the person's sessions, and all that was issued to applications in its name, in every tenant."""
    row = await accounts.person(platform, person_id, lock=True)
    if row is None:
        return
    row.tokens_valid_from = rules.tokens_end_at(now)
    await accounts.end_all_sessions(platform, person_id, now=now)
    noted = Noted(action="person.logged_out_everywhere", person_id=person_id, origin=origin)
    await deeds.note(platform, noted, now=now)


async def admit(
    door: Door, person: PersonRecord, origin: Origin, *, factors: tuple[Factor, ...]
) -> LoggedInAnew:
    """Open a session for a person who has shown what it has to."""
    person_id = PersonId(person.id)
    token = await _open_session(door, person, factors, ends_at=door.now + door.lifetimes.absolute)
    noted = Noted(
        action="person.logged_in", person_id=person_id, origin=origin, details={"factors": list(factors)}
    )
    await deeds.note(door.platform, noted, now=door.now)
    by_factor = sessions.has_second_factor(factors)
    device = browsers.recognizable(door.vault, person_id, now=door.now, by_factor=by_factor)
    return LoggedInAnew(token, device, accounts.to_person(person))


async def _computed(turn: Turn, account: Account | None, password: str) -> _Proof | None:
    """The proof of who knows the password and is a member somewhere; None for all others, as late."""
    kept = None if account is None else account.row.password_hash
    matches = await turn.matches(kept, password)
    if account is None or kept is None or not matches or not account.is_member:
        return None
    anew = await turn.hash(password) if hashing.is_outdated(kept) else kept
    return _Proof(PersonId(account.row.id), kept, anew)


async def _held(platform: PlatformSession, proof: _Proof) -> PersonRecord | None:
    """The person, locked; None if its password was set anew while we were computing."""
    person = await accounts.person(platform, proof.person_id, lock=True)
    if person is None or person.password_hash != proof.kept:
        return None
    person.password_hash = proof.anew
    return person


async def _enter(door: Door, person: PersonRecord, origin: Origin) -> LoggedInAnew | FactorNeeded:
    if person.totp_confirmed_at is None:
        return await admit(door, person, origin, factors=(Factor.PASSWORD,))
    ends_at = door.now + sessions.HALFWAY_TTL
    return FactorNeeded(await _open_session(door, person, (Factor.PASSWORD,), ends_at=ends_at))


async def _open_session(
    door: Door, person: PersonRecord, factors: tuple[Factor, ...], *, ends_at: datetime
) -> str:
    token = browsers.new_token()
    row = LoginSessionRecord(
        digest=rules.digest(token),
        person_id=person.id,
        tenant_id=None,
        member_id=None,
        factors=list(factors),
        created_at=door.now,
        seen_at=door.now,
        expires_at=ends_at,
        revoked_at=None,
    )
    await accounts.add_session(door.platform, row)
    return token


def _is_open(found: Opened, now: datetime, lifetimes: Lifetimes, *, halfway: bool) -> bool:
    times = sessions.Times(found.row.seen_at, found.row.expires_at, found.row.revoked_at)
    has_totp = found.person.totp_confirmed_at is not None
    return (
        sessions.is_live(times, lifetimes, now)
        and sessions.is_halfway(found.row.factors, has_totp=has_totp) is halfway
    )


def _logged_in(found: Opened) -> LoggedIn:
    membership = found.membership
    return LoggedIn(
        digest=found.row.digest,
        person=accounts.to_person(found.person),
        tenant_id=None if membership is None else TenantId(membership.tenant_id),
        member_id=None if membership is None else MemberId(membership.member_id),
        factors=frozenset(Factor(factor) for factor in found.row.factors),
        logged_in_at=found.row.created_at,
    )
