"""A password is set anew: by a link when it was forgotten, or by who knows it. `now` is the wall clock's.

Whether there is an account for a link is seen by a worker later, so that neither answer nor time tells.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service import ids
from service.audit.domain import OPERATOR
from service.db import Sessions
from service.ids import PersonId
from service.mail import service as mail
from service.people import accounts, browsers, deeds, hashing, letters, throttling
from service.people.deeds import ANONYMOUS, Noted
from service.people.domain import Lifetimes, Link, Origin, Person, throttle
from service.people.domain import accounts as rules
from service.people.domain.outcomes import ChangeOutcome, Ended, PasswordSet, Refused, ResetOutcome, Throttled
from service.people.domain.passwords import faults_of_password
from service.people.domain.sessions import has_second_factor
from service.people.errors import PasswordUnfit, PersonNotFound
from service.people.logins import LIFETIMES, open_session
from service.people.models import PasswordResetRecord, PersonRecord, ResetRequestRecord
from service.people.second_factors import clear_totp
from service.platform import PlatformSession, platform_transaction
from service.vault import Vault


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """A new password, of who is logged in with this token."""

    token: str = field(repr=False)
    current: str = field(repr=False)
    password: str = field(repr=False)
    origin: Origin


@dataclass(frozen=True, slots=True)
class Terms:
    """Of a link for a new password.

    Attributes:
        issuer: the public address of this service.
        clears_totp: whether the authenticator is taken away with the password.
    """

    issuer: str
    ttl: timedelta
    clears_totp: bool = False


async def request_reset(
    platform: PlatformSession, email: str, origin: Origin, *, now: datetime
) -> Throttled | None:
    """Have a link sent to this address if it has an account; what is answered is the same if it has none."""
    address = rules.known_form(email)
    gate = await throttling.look(platform, throttle.reset_buckets(address, origin.address), now=now)
    if gate.wait:
        return Throttled(gate.wait)
    await throttling.count_failure(platform, gate, now=now)
    await accounts.add(
        platform,
        ResetRequestRecord(
            id=ids.new_id(),
            email=address,
            address=origin.address,
            http_request_id=origin.http_request_id,
            asked_at=now,
        ),
    )
    return None


async def send_requested(sessions: Sessions, vault: Vault, *, issuer: str, now: datetime) -> bool:
    """Send the link that was asked for first, if there is an account; False when none is asked for."""
    async with platform_transaction(sessions) as platform:
        request = await accounts.take_reset_request(platform)
        if request is None:
            return False
        account = await accounts.find(platform, request.email)
        if account is not None and account.is_member:
            link = await _issue(platform, account.row, Terms(issuer, rules.RESET_TTL), now=now)
            await mail.enqueue(platform, vault, letters.reset(account.row.email, link), now=now)
            origin = Origin(address=request.address, http_request_id=request.http_request_id)
            await deeds.note(platform, _noted(account.row, "person.reset_asked", origin, ANONYMOUS), now=now)
    return True


async def operators_reset(
    platform: PlatformSession, email: str, *, clears_totp: bool, issuer: str, now: datetime
) -> Link:
    """A link for somebody who gets none by mail, or has lost the authenticator too. Raises PersonNotFound."""
    row = await accounts.person_at(platform, rules.known_form(email))
    if row is None:
        raise PersonNotFound(email)
    noted = _noted(row, "person.reset_issued", Origin(), OPERATOR)
    await deeds.note(platform, noted, now=now)
    return await _issue(
        platform, row, Terms(issuer, rules.OPERATORS_RESET_TTL, clears_totp=clears_totp), now=now
    )


async def resettable(platform: PlatformSession, secret: str, *, now: datetime) -> Person | None:
    """Whose password this link sets anew; None when it does not count any more."""
    found = await accounts.reset(platform, rules.digest(secret), now=now)
    row = None if found is None else await accounts.person(platform, PersonId(found.person_id))
    return None if row is None else accounts.to_person(row)


async def reset_password(
    platform: PlatformSession,
    vault: Vault,
    secret: str,
    password: str,
    *,
    origin: Origin,
    now: datetime,
) -> ResetOutcome:
    """Set the password by a link. Sessions, and what was issued to applications, end in every tenant.

    Raises:
        PasswordUnfit, PasswordsBusy
    """
    digest = rules.digest(secret)
    person = await resettable(platform, secret, now=now)
    if person is None:
        return Ended()
    refuse_unfit(password, email=person.email, name=person.name)
    async with hashing.turn() as turn:
        password_hash = await turn.hash(password)
    row = await accounts.person(platform, person.id, lock=True)
    reset = await accounts.reset(platform, digest, now=now, lock=True)
    if row is None or reset is None:
        return Ended()
    if reset.clears_totp:
        await clear_totp(platform, row, now=now)
    await _set(platform, row, password_hash, now=now)
    await deeds.note(platform, _noted(row, "person.password_reset", origin, None), now=now)
    return PasswordSet(browsers.recognizable(vault, person.id, now=now, by_factor=False))


async def change_password(
    platform: PlatformSession,
    vault: Vault,
    change: PasswordChange,
    *,
    now: datetime,
    lifetimes: Lifetimes = LIFETIMES,
) -> ChangeOutcome:
    """Replace the password, for who is logged in and knows the present one. All other sessions end.

    Raises:
        PasswordUnfit, PasswordsBusy
    """
    async with hashing.turn() as turn:
        found = await open_session(platform, change.token, now=now, lifetimes=lifetimes)
        if found is None:
            return Ended()
        person, origin = found.person, change.origin
        refuse_unfit(change.password, email=person.email, name=person.name)
        device = browsers.known(vault, PersonId(person.id), origin, now=now)
        buckets = throttle.password_buckets(person.email, origin.address, device)
        gate = await throttling.glance(platform, buckets, now=now)
        if gate.wait:
            return Throttled(gate.wait)
        kept = person.password_hash
        matches = await turn.matches(kept, change.current)
        password_hash = await turn.hash(change.password) if matches else None
    gate = await throttling.look(platform, buckets, now=now)
    if gate.wait:
        return Throttled(gate.wait)
    if password_hash is None:
        await throttling.count_failure(platform, gate, now=now)
        refused = _noted(person, "person.password_change_refused", origin, ANONYMOUS)
        await deeds.note(platform, refused, now=now)
        return Refused()
    held = await accounts.person(platform, PersonId(person.id), lock=True)
    if held is None or held.password_hash != kept:
        return Ended()
    await _set(platform, held, password_hash, now=now, but=found.row.digest)
    await deeds.note(platform, _noted(held, "person.password_changed", origin, None), now=now)
    by_factor = has_second_factor(found.row.factors)
    return PasswordSet(browsers.recognizable(vault, PersonId(held.id), now=now, by_factor=by_factor))


def refuse_unfit(password: str, *, email: str, name: str) -> None:
    """Raises PasswordUnfit."""
    faults = faults_of_password(password, email=email, name=name)
    if faults:
        raise PasswordUnfit(faults)


async def _issue(platform: PlatformSession, person: PersonRecord, terms: Terms, *, now: datetime) -> Link:
    secret, expires_at = browsers.new_token(), now + terms.ttl
    row = PasswordResetRecord(
        digest=rules.digest(secret),
        person_id=person.id,
        clears_totp=terms.clears_totp,
        created_at=now,
        expires_at=expires_at,
    )
    await accounts.add(platform, row)
    return Link(terms.issuer + rules.reset_path(secret), expires_at)


async def _set(
    platform: PlatformSession, person: PersonRecord, password_hash: str, *, now: datetime, but: bytes = b""
) -> None:
    """Put another password in place, and end all that the one before has opened, `but` this session."""
    person.password_hash = password_hash
    person.tokens_valid_from = rules.tokens_end_at(now)
    await accounts.end_all_sessions(platform, PersonId(person.id), now=now, but=but)
    await accounts.remove_resets(platform, PersonId(person.id))


def _noted(person: PersonRecord, action: str, origin: Origin, actor: str | None) -> Noted:
    return Noted(action=action, person_id=PersonId(person.id), origin=origin, actor=actor)
