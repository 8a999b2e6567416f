"""How a mail leaves: to an SMTP server, or into a folder where there is none."""

import asyncio
import ipaddress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib
import structlog

from service.mail.domain import SEND_TIMEOUT, Mail
from service.mail.errors import SmtpAddressMalformed

PORTS = {"smtp": 587, "smtps": 465}

log = structlog.stdlib.get_logger(__name__)


class NotSent(Exception):
    """The mail did not leave.

    Attributes:
        for_good: the server refuses this mail, and would do so again.
    """

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


class Post(Protocol):
    """Takes mail away. Raises NotSent."""

    async def send(self, message: EmailMessage) -> None: ...


def message(mail: Mail, mail_id: UUID, *, sender: str, queued_at: datetime) -> EmailMessage:
    """The mail as it is sent. However often that is, its Message-ID is the same.

    Args:
        mail: what to send.
        mail_id: names it, in the domain of `sender`.
        sender: a plain address.
        queued_at: its date.

    Raises:
        ValueError: a header holds a line break.
    """
    made = EmailMessage(policy=SMTP)
    made["From"] = f"Rooted <{sender}>"
    made["To"] = mail.recipient
    made["Subject"] = mail.subject
    made["Date"] = queued_at
    made["Message-ID"] = f"<{mail_id}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made["X-Auto-Response-Suppress"] = "All"
    made.set_content(mail.body)
    return made


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over, and how.

    Attributes:
        tls: from the first byte on (`smtps`).
        start_tls: True where the connection has to be encrypted before anything is said; None where it is if
            the server can, which is for this machine only.
    """

    host: str
    port: int
    tls: bool
    start_tls: bool | None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str) -> "SmtpServer":
        """Read `smtp://user:password@host:587` or `smtps://…`. Raises SmtpAddressMalformed."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or PORTS[parts.scheme]
        except (ValueError, KeyError) as error:
            raise SmtpAddressMalformed from error
        if not host or parts.path.strip("/") or parts.query or parts.fragment:
            raise SmtpAddressMalformed
        tls = parts.scheme == "smtps"
        return cls(
            host,
            port,
            tls=tls,
            start_tls=False if tls else None if _is_this_machine(host) else True,
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
        )


@dataclass(frozen=True, slots=True)
class SmtpPost:
    """Hands each mail to an SMTP server, over a connection of its own."""

    server: SmtpServer

    async def send(self, message: EmailMessage) -> None:
        server = self.server
        try:
            await aiosmtplib.send(
                message,
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.tls,
                start_tls=server.start_tls,
                timeout=SEND_TIMEOUT.total_seconds(),
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = {refused.code for refused in error.recipients}
            raise NotSent(_told(error), for_good=all(_is_final(code) for code in codes)) from error
        except aiosmtplib.SMTPAuthenticationError as error:
            raise NotSent(_told(error)) from error  # the operator may mend it
        except aiosmtplib.SMTPResponseException as error:
            raise NotSent(_told(error), for_good=_is_final(error.code)) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(_told(error)) from error


@dataclass(frozen=True, slots=True)
class FolderPost:
    """Writes each mail into a folder, for those who have no SMTP server yet."""

    folder: Path

    async def send(self, message: EmailMessage) -> None:
        name = message["Message-ID"].strip("<>").partition("@")[0] + ".eml"
        try:
            await asyncio.to_thread(self._write, name, message.as_bytes())
        except OSError as error:
            raise NotSent(_told(error)) from error
        log.info("mail written to a file, as no SMTP server is set", file=str(self.folder / name))

    def _write(self, name: str, content: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self.folder / f".{name}.part"
        partial.touch(mode=0o600)
        partial.write_bytes(content)
        partial.rename(self.folder / name)


def _is_final(code: int) -> bool:
    return 500 <= code < 600  # noqa: PLR2004 - RFC 5321 §4.2.1


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _told(error: Exception) -> str:
    """What went wrong, in one bounded line."""
    return f"{type(error).__name__}: {error}".encode("unicode_escape").decode()[:300]
