"""A second factor is shown: an authenticator's code, or a recovery code, each once and within limits."""

from collections.abc import Sequence
from datetime import datetime

from service.ids import PersonId
from service.people import accounts, browsers, deeds, throttling
from service.people.deeds import ANONYMOUS, Noted
from service.people.domain import Factor, factors, throttle
from service.people.domain.outcomes import Ended, FactorAttempt, Refused, Throttled
from service.people.models import PersonRecord
from service.platform import PlatformSession
from service.vault import Place, Vault


async def shown_factor(
    platform: PlatformSession,
    vault: Vault,
    person: PersonRecord,
    attempt: FactorAttempt,
    *,
    now: datetime,
    offered: Sequence[bytes] = (),
) -> Factor | Refused | Throttled | Ended:
    """What the person has shown. It is locked until the transaction ends, so that a code counts once.

    Args:
        platform: where accounts are.
        vault: opens and seals the seed.
        person: who is to show it.
        attempt: the code.
        now: the wall clock's.
        offered: seeds of which the code shows that it is in an authenticator now, where none is in use yet.
    """
    person_id = PersonId(person.id)
    device = browsers.known_by_factor(vault, person_id, attempt.origin, now=now)
    buckets = throttle.factor_buckets(person_id, attempt.origin.address, device)
    gate = await throttling.look(platform, buckets, now=now)
    if gate.wait:
        return Throttled(gate.wait)
    held = await accounts.person(platform, person_id, lock=True)
    if held is None or (held.totp_confirmed_at is None) is not bool(offered):
        return Ended()
    if offered:
        factor = await _set_up(platform, vault, held, attempt.code, offered, now=now)
    else:
        factor = await _factor(platform, vault, held, attempt.code, now=now)
    if factor is None:
        await throttling.count_failure(platform, gate, now=now)
        refused = Noted(
            action="person.second_factor_refused", person_id=person_id, origin=attempt.origin, actor=ANONYMOUS
        )
        await deeds.note(platform, refused, now=now)
        return Refused()
    await throttling.forgive(platform, gate, now=now)
    return factor


def place_of_seed(person_id: PersonId) -> Place:
    return Place(None, "person", "sealed_totp_seed", person_id)


async def _set_up(
    platform: PlatformSession,
    vault: Vault,
    person: PersonRecord,
    code: str,
    offered: Sequence[bytes],
    *,
    now: datetime,
) -> Factor | None:
    """Keep the seed that the code is of."""
    for seed in offered:
        step = factors.step_of(seed, code, now, None)
        if step is not None:
            person.sealed_totp_seed = vault.seal(seed, place_of_seed(PersonId(person.id)))
            person.totp_used_step = step
            await platform.db.flush()
            return Factor.TOTP
    return None


async def _factor(
    platform: PlatformSession, vault: Vault, person: PersonRecord, code: str, *, now: datetime
) -> Factor | None:
    person_id = PersonId(person.id)
    seed = vault.open(person.sealed_totp_seed or b"", place_of_seed(person_id))
    step = factors.step_of(seed, code, now, person.totp_used_step)
    if step is not None:
        person.totp_used_step = step
        await platform.db.flush()
        return Factor.TOTP
    digest = factors.recovery_digest(person_id, code)
    used = await accounts.use_recovery_code(platform, person_id, digest)
    return Factor.RECOVERY if used else None
