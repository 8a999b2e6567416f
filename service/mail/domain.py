"""What a mail is, when it is tried again, and how its headers read. Pure."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

ATTEMPTS_MAX = 10
RETRY_DELAY_MIN = timedelta(seconds=30)
"""Doubled with each failure: the last attempt is made about four hours after the first."""

LEASE = timedelta(minutes=2)
"""How long a worker may take over one mail before another tries; longer than SEND_TIMEOUT."""

SEND_TIMEOUT = timedelta(seconds=30)
ADDRESS_CHARACTERS_MAX = 254
SUBJECT_CHARACTERS_MAX = 200
BODY_CHARACTERS_MAX = 20_000

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
"""What HTML takes for an address: no quotes, no comments, and nothing that could end a header."""


class State(StrEnum):
    """Where a mail stands. Its body is kept only while it is queued."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Mail:
    """A text to one person.

    Attributes:
        body: plain text, which may hold a link that is as good as a password.
    """

    recipient: str
    subject: str
    body: str = field(repr=False)


def complaint(mail: Mail) -> str | None:
    """Why this cannot be sent, or None: a line break in a header would be the begin of another header."""
    if len(mail.recipient) > ADDRESS_CHARACTERS_MAX or not is_address(mail.recipient):
        return f"{mail.recipient!r} is not a mail address, such as ada@example.org."
    if not 0 < len(mail.subject) <= SUBJECT_CHARACTERS_MAX or not mail.subject.isprintable():
        return f"A subject has 1 to {SUBJECT_CHARACTERS_MAX} printable characters, all on one line."
    if not 0 < len(mail.body) <= BODY_CHARACTERS_MAX or "\0" in mail.body:
        return f"A body has 1 to {BODY_CHARACTERS_MAX} characters, and none of them is NUL."
    return None


def is_address(text: str) -> bool:
    return ADDRESS.fullmatch(text) is not None


def retry_at(attempts: int, now: datetime) -> datetime | None:
    """When to try again after `attempts` failures, each time twice as long; None when it is given up.

    Raises:
        ValueError: `attempts` is below 1.
    """
    if attempts < 1:
        raise ValueError(f"{attempts} attempts cannot have failed")
    if attempts >= ATTEMPTS_MAX:
        return None
    return now + RETRY_DELAY_MIN * 2 ** (attempts - 1)
