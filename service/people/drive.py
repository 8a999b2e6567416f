"""What a worker does for people who are logging in: links that were asked for, records for audit trails."""

from dataclasses import dataclass

from service.clock import Clock
from service.db import Sessions
from service.people import deeds, passwords
from service.vault import Vault


@dataclass(frozen=True, slots=True)
class Errands:
    """What the work is done with.

    Attributes:
        vault: seals the mails.
        issuer: the public address of this service, which links begin with.
    """

    sessions: Sessions
    clock: Clock
    vault: Vault
    issuer: str


async def run_errands(errands: Errands) -> int:
    """Do some of what waits. Returns how much was done."""
    now = errands.clock.now()
    sent = await passwords.send_requested(errands.sessions, errands.vault, issuer=errands.issuer, now=now)
    return sent + await deeds.write_all(errands.sessions)
