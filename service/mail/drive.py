"""Sends what is due. No transaction is open while a mail server is waited for.

A worker that dies after sending and before writing that down leads to the same mail being sent again, under
the same Message-ID.
"""

import asyncio
from dataclasses import dataclass

import structlog

from service.clock import Clock
from service.db import Sessions
from service.mail import sender, service
from service.mail.sender import NotSent, Post
from service.mail.service import Attempt
from service.platform import platform_transaction
from service.vault import MasterKeyUnknown, SealBroken, Vault

BATCH_SIZE = 5

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What mail is sent with.

    Attributes:
        sender: the address that all mail comes from.
    """

    sessions: Sessions
    clock: Clock
    vault: Vault
    post: Post
    sender: str


async def send_due(outgoing: Outgoing) -> int:
    """Try to send up to BATCH_SIZE mails. Returns how many were tried."""
    async with platform_transaction(outgoing.sessions) as platform:
        attempts = await service.claim(platform, now=outgoing.clock.now(), limit=BATCH_SIZE)
    async with asyncio.TaskGroup() as tasks:
        for attempt in attempts:
            tasks.create_task(_try(outgoing, attempt))
    return len(attempts)


async def _try(outgoing: Outgoing, attempt: Attempt) -> None:
    try:
        await _send(outgoing, attempt)
    except NotSent as error:
        await _note_failure(outgoing, attempt, str(error), for_good=error.for_good)
    except (SealBroken, MasterKeyUnknown) as error:
        await _note_failure(outgoing, attempt, str(error), for_good=False)
    else:
        async with platform_transaction(outgoing.sessions) as platform:
            await service.record_sent(platform, attempt, now=outgoing.clock.now())
        log.info("mail sent", mail_id=str(attempt.mail_id), attempt=attempt.number)


async def _send(outgoing: Outgoing, attempt: Attempt) -> None:
    mail = service.mail_of(attempt, outgoing.vault)
    await outgoing.post.send(
        sender.message(mail, attempt.mail_id, sender=outgoing.sender, queued_at=attempt.queued_at)
    )


async def _note_failure(outgoing: Outgoing, attempt: Attempt, error: str, *, for_good: bool) -> None:
    async with platform_transaction(outgoing.sessions) as platform:
        await service.record_failure(platform, attempt, error, for_good=for_good, now=outgoing.clock.now())
    log.warning("mail not sent", mail_id=str(attempt.mail_id), attempt=attempt.number, error=error)
