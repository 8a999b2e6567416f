"""A person sets up an authenticator, takes it away, or gets new recovery codes. `now` is the wall clock's."""

import secrets
from datetime import datetime

from service.ids import PersonId
from service.people import accounts, deeds
from service.people.accounts import Opened
from service.people.deeds import Noted
from service.people.domain import Factor, Lifetimes, Origin, factors
from service.people.domain.outcomes import (
    CodesOutcome,
    Ended,
    FactorAttempt,
    RecoveryCodes,
    Refused,
    RemovalOutcome,
    Throttled,
    TotpEnrolment,
    TotpRemoved,
)
from service.people.errors import TotpAlreadyOn
from service.people.logins import LIFETIMES, open_session
from service.people.models import PersonRecord
from service.people.showing import shown_factor
from service.platform import PlatformSession
from service.vault import Vault


async def begin_totp(
    platform: PlatformSession,
    vault: Vault,
    token: str,
    *,
    now: datetime,
    lifetimes: Lifetimes = LIFETIMES,
) -> TotpEnrolment | None:
    """What to enter into an authenticator; the same until a code confirms it. None when nobody is logged in.

    Nothing is kept until a code confirms it.

    Raises:
        TotpAlreadyOn
    """
    found = await open_session(platform, token, now=now, lifetimes=lifetimes)
    if found is None:
        return None
    if found.person.totp_confirmed_at is not None:
        raise TotpAlreadyOn
    seed = _offered(vault, found)[0]
    return TotpEnrolment(factors.secret_of(seed), factors.enrolment_uri(seed, found.person.email))


async def confirm_totp(
    platform: PlatformSession,
    vault: Vault,
    attempt: FactorAttempt,
    *,
    now: datetime,
    lifetimes: Lifetimes = LIFETIMES,
) -> CodesOutcome:
    """Ask for codes of the authenticator from now on. The person's other sessions have to show one too.

    Raises:
        TotpAlreadyOn
    """
    found = await open_session(platform, attempt.token, now=now, lifetimes=lifetimes)
    if found is None:
        return Ended()
    if found.person.totp_confirmed_at is not None:
        raise TotpAlreadyOn
    offered = _offered(vault, found)
    shown = await shown_factor(platform, vault, found.person, attempt, now=now, offered=offered)
    if not isinstance(shown, Factor):
        return shown
    found.person.totp_confirmed_at = now
    found.row.factors = [*found.row.factors, Factor.TOTP]
    return await _new_codes(platform, found.person, "person.totp_confirmed", attempt.origin, now=now)


async def new_recovery_codes(
    platform: PlatformSession,
    vault: Vault,
    attempt: FactorAttempt,
    *,
    now: datetime,
    lifetimes: Lifetimes = LIFETIMES,
) -> CodesOutcome:
    """Replace the recovery codes, for who is logged in and shows a code."""
    person = await _who_shows_a_code(platform, vault, attempt, now=now, lifetimes=lifetimes)
    if not isinstance(person, PersonRecord):
        return person
    return await _new_codes(platform, person, "person.recovery_codes_replaced", attempt.origin, now=now)


async def remove_totp(
    platform: PlatformSession,
    vault: Vault,
    attempt: FactorAttempt,
    *,
    now: datetime,
    lifetimes: Lifetimes = LIFETIMES,
) -> RemovalOutcome:
    """Ask for the password alone from now on, for who is logged in and shows a code."""
    person = await _who_shows_a_code(platform, vault, attempt, now=now, lifetimes=lifetimes)
    if not isinstance(person, PersonRecord):
        return person
    await clear_totp(platform, person, now=now)
    await deeds.note(platform, _by(person, "person.totp_removed", attempt.origin), now=now)
    return TotpRemoved()


async def clear_totp(platform: PlatformSession, person: PersonRecord, *, now: datetime) -> None:
    """Forget the authenticator and the recovery codes of a person who is locked."""
    person.sealed_totp_seed, person.totp_confirmed_at, person.totp_used_step = None, None, None
    await accounts.replace_recovery_codes(platform, PersonId(person.id), [], now=now)


async def _who_shows_a_code(
    platform: PlatformSession, vault: Vault, attempt: FactorAttempt, *, now: datetime, lifetimes: Lifetimes
) -> PersonRecord | Refused | Throttled | Ended:
    """The person who is logged in, has an authenticator in use, and has shown a code; locked."""
    found = await open_session(platform, attempt.token, now=now, lifetimes=lifetimes)
    if found is None or found.person.totp_confirmed_at is None:
        return Ended()
    shown = await shown_factor(platform, vault, found.person, attempt, now=now)
    return found.person if isinstance(shown, Factor) else shown


def _offered(vault: Vault, found: Opened) -> tuple[bytes, ...]:
    """What this session was shown: under the current master key, or under one before."""
    digest, shown = found.row.digest, len(found.row.factors)
    return tuple(factors.offered_seed(digest, shown, key) for key in vault.derivations(factors.SEED_PURPOSE))


async def _new_codes(
    platform: PlatformSession, person: PersonRecord, action: str, origin: Origin, *, now: datetime
) -> RecoveryCodes:
    person_id = PersonId(person.id)
    codes = tuple(
        factors.recovery_code(secrets.token_bytes(factors.RECOVERY_CODE_BYTES))
        for _ in range(factors.RECOVERY_CODES)
    )
    digests = [factors.recovery_digest(person_id, code) for code in codes]
    await accounts.replace_recovery_codes(platform, person_id, digests, now=now)
    await deeds.note(platform, _by(person, action, origin), now=now)
    return RecoveryCodes(codes)


def _by(person: PersonRecord, action: str, origin: Origin) -> Noted:
    return Noted(action=action, person_id=PersonId(person.id), origin=origin)
