"""Use cases of mail."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from service import ids
from service.db import TenantSession
from service.mail import domain, store
from service.mail.domain import Mail, State
from service.mail.errors import MailRefused
from service.mail.models import MailRow
from service.platform import PlatformSession
from service.vault import Place, Vault

KEPT_FOR = timedelta(days=30)
"""How long it is known to whom a mail went, and when."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A mail that this worker is to send now; it has been tried `number - 1` times."""

    mail_id: UUID
    number: int
    recipient: str
    subject: str
    sealed_body: bytes = field(repr=False)
    queued_at: datetime


async def enqueue(platform: PlatformSession, vault: Vault, mail: Mail, *, now: datetime) -> None:
    """Have this sent if the caller's transaction commits. Raises MailRefused."""
    complaint = domain.complaint(mail)
    if complaint is not None:
        raise MailRefused(complaint)
    mail_id = ids.new_id()
    row = MailRow(
        id=mail_id,
        recipient=mail.recipient,
        subject=mail.subject,
        sealed_body=vault.seal(mail.body.encode(), _place(mail_id)),
        state=State.QUEUED,
        attempts=0,
        last_error=None,
        created_at=now,
        due_at=now,
        settled_at=None,
    )
    await store.add(platform, row)


async def enqueue_within(session: TenantSession, vault: Vault, mail: Mail, *, now: datetime) -> None:
    """The same in a transaction of a tenant; `now` is the wall clock's, by which mail is sent."""
    await enqueue(PlatformSession(session.db), vault, mail, now=now)


async def claim(platform: PlatformSession, *, now: datetime, limit: int) -> Sequence[Attempt]:
    """Take what is due; who does not tell what became of it within LEASE loses it to another worker."""
    rows = await store.claim(platform, now=now, until=now + domain.LEASE, limit=limit)
    return [
        Attempt(row.id, row.attempts, row.recipient, row.subject, row.sealed_body or b"", row.created_at)
        for row in rows
    ]


def mail_of(attempt: Attempt, vault: Vault) -> Mail:
    """What is to be sent. Raises SealBroken, MasterKeyUnknown."""
    body = vault.open(attempt.sealed_body, _place(attempt.mail_id))
    return Mail(attempt.recipient, attempt.subject, body.decode())


async def record_sent(platform: PlatformSession, attempt: Attempt, *, now: datetime) -> None:
    """Write down that the mail has left, and erase its body."""
    row = await store.get(platform, attempt.mail_id, attempts=attempt.number)
    if row is not None:
        _settle(row, State.SENT, error=None, now=now)


async def record_failure(
    platform: PlatformSession, attempt: Attempt, error: str, *, for_good: bool, now: datetime
) -> None:
    """Write down why the mail did not leave; try again later, or give it up and erase its body."""
    row = await store.get(platform, attempt.mail_id, attempts=attempt.number)
    if row is None:
        return
    due_at = None if for_good else domain.retry_at(attempt.number, now)
    if due_at is None:
        _settle(row, State.FAILED, error=error, now=now)
    else:
        row.due_at, row.last_error = due_at, error


async def tidy(platform: PlatformSession, *, now: datetime) -> None:
    """Forget what was settled more than KEPT_FOR ago."""
    await store.forget(platform, settled_before=now - KEPT_FOR)


async def failed(platform: PlatformSession) -> int:
    """How many mails were given up."""
    return await store.failed(platform)


def _settle(row: MailRow, state: State, *, error: str | None, now: datetime) -> None:
    row.state, row.sealed_body, row.last_error, row.settled_at = state, None, error, now


def _place(mail_id: UUID) -> Place:
    return Place(None, MailRow.__tablename__, "sealed_body", mail_id)
