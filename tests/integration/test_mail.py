"""Mail on its way: queued sealed, handed over once by whichever worker, tried again, given up, erased."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from sqlalchemy import text

from service.db import Sessions
from service.mail import domain, drive, service
from service.mail.domain import Mail
from service.mail.drive import Outgoing
from service.mail.errors import MailRefused
from service.mail.sender import NotSent, Post, SmtpPost, SmtpServer
from service.platform import platform_transaction
from service.vault import Vault
from tests.factories import MovableClock

BODY = "Follow https://rooted.example/invitation/a-secret within seven days.\n"
MAIL = Mail("ada@example.org", "You are invited", BODY)


@dataclass
class Receiver:
    """A small SMTP server, which answers the end of each message as it is told to."""

    answers: list[bytes] = field(default_factory=list[bytes])
    messages: list[bytes] = field(default_factory=list[bytes])
    recipients: list[str] = field(default_factory=list[str])
    refuses_recipients: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            verb = line.upper()[:4]
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                self.messages.append(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(self._answer(verb, line.strip()))
            await writer.drain()
            if verb == b"QUIT":
                break
        writer.close()

    def _answer(self, verb: bytes, line: bytes) -> bytes:
        if verb == b"EHLO":
            return b"250-here\r\n250 SMTPUTF8\r\n"
        if verb == b"RCPT":
            self.recipients.append(line.decode())
            return b"550 no such box\r\n" if self.refuses_recipients else b"250 ok\r\n"
        if verb == b"DATA" and self.answers:
            return self.answers.pop(0)
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n"


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncGenerator[SmtpPost]:
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield SmtpPost(SmtpServer.of(f"smtp://127.0.0.1:{port}"))


class Refusing:
    """A post that takes nothing, for good or for now."""

    def __init__(self, *, for_good: bool) -> None:
        self.for_good = for_good
        self.offered: list[EmailMessage] = []

    async def send(self, message: EmailMessage) -> None:
        self.offered.append(message)
        raise NotSent("not today", for_good=self.for_good)


async def enqueue(sessions: Sessions, vault: Vault, clock: MovableClock, mail: Mail = MAIL) -> None:
    async with platform_transaction(sessions) as platform:
        await service.enqueue(platform, vault, mail, now=clock.now())


def outgoing(sessions: Sessions, vault: Vault, clock: MovableClock, post: Post) -> Outgoing:
    return Outgoing(sessions, clock, vault, post, "it@rooted.example")


async def rows(sessions: Sessions) -> list[Any]:
    async with sessions() as db:
        return list(await db.execute(text("select * from mail order by id")))


async def test_a_mail_reaches_the_server_with_its_headers_and_its_body_is_erased(
    sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    receiver = Receiver()
    await enqueue(sessions, vault, clock)

    async with receiving(receiver) as post:
        tried = [await drive.send_due(outgoing(sessions, vault, clock, post)) for _ in range(2)]

    (row,) = await rows(sessions)
    (message,) = (message_from_bytes(each, policy=default) for each in receiver.messages)
    assert tried == [1, 0]
    assert (row.state, row.attempts, row.sealed_body, row.settled_at) == ("sent", 1, None, clock.now())
    assert message["To"] == MAIL.recipient
    assert message["Subject"] == MAIL.subject
    assert message["Message-ID"] == f"<{row.id}@rooted.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert BODY.strip() in message.as_string()
    assert receiver.recipients == ["RCPT TO:<ada@example.org>"]


async def test_what_lies_in_the_table_shows_no_link(
    sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    await enqueue(sessions, vault, clock)

    (row,) = await rows(sessions)

    assert b"a-secret" not in row.sealed_body


async def test_a_mail_of_a_transaction_that_failed_does_not_exist(
    sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    async def enqueue_and_fail() -> None:
        async with platform_transaction(sessions) as platform:
            await service.enqueue(platform, vault, MAIL, now=clock.now())
            raise LookupError

    with pytest.raises(LookupError):
        await enqueue_and_fail()

    assert await rows(sessions) == []


async def test_what_would_be_another_header_is_not_queued(
    sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    with pytest.raises(MailRefused):
        await enqueue(sessions, vault, clock, Mail("ada@example.org", "Hello\r\nBcc: eve@example.org", BODY))

    assert await rows(sessions) == []


@pytest.mark.parametrize("answer", [b"451 greylisted\r\n", b"421 busy\r\n"])
async def test_a_server_that_cannot_now_is_asked_again_later_for_the_same_message(
    sessions: Sessions, vault: Vault, clock: MovableClock, answer: bytes
) -> None:
    receiver = Receiver(answers=[answer])
    await enqueue(sessions, vault, clock)

    async with receiving(receiver) as post:
        work = outgoing(sessions, vault, clock, post)
        await drive.send_due(work)
        (waiting,) = await rows(sessions)
        at_once = await drive.send_due(work)
        clock.move(domain.RETRY_DELAY_MIN)
        later = await drive.send_due(work)

    (row,) = await rows(sessions)
    assert (waiting.state, waiting.attempts, at_once, later) == ("queued", 1, 0, 1)
    assert answer[4:].strip().decode() in waiting.last_error
    assert (row.state, row.attempts, row.last_error) == ("sent", 2, None)
    first, second = (message_from_bytes(each)["Message-ID"] for each in receiver.messages)
    assert first == second


async def test_a_recipient_whom_the_server_does_not_know_is_given_up_at_once(
    sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    await enqueue(sessions, vault, clock)

    async with receiving(Receiver(refuses_recipients=True)) as post:
        await drive.send_due(outgoing(sessions, vault, clock, post))

    (row,) = await rows(sessions)
    assert (row.state, row.attempts, row.sealed_body) == ("failed", 1, None)


async def test_a_message_that_the_server_will_never_take_is_given_up_at_once(
    sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    await enqueue(sessions, vault, clock)

    async with receiving(Receiver(answers=[b"554 no\r\n"])) as post:
        await drive.send_due(outgoing(sessions, vault, clock, post))

    (row,) = await rows(sessions)
    assert (row.state, row.sealed_body) == ("failed", None)


async def test_a_mail_is_tried_a_bounded_number_of_times_and_then_erased(
    sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    await enqueue(sessions, vault, clock)
    post = Refusing(for_good=False)

    for _ in range(domain.ATTEMPTS_MAX + 3):
        await drive.send_due(outgoing(sessions, vault, clock, post))
        clock.at += domain.RETRY_DELAY_MIN * 2**domain.ATTEMPTS_MAX

    (row,) = await rows(sessions)
    assert len(post.offered) == domain.ATTEMPTS_MAX
    assert (row.state, row.sealed_body) == ("failed", None)
    async with platform_transaction(sessions) as platform:
        assert await service.failed(platform) == 1


async def test_nobody_listening_is_a_failure_to_be_tried_again(
    sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    await enqueue(sessions, vault, clock)
    async with receiving(Receiver()) as post:
        pass

    await drive.send_due(outgoing(sessions, vault, clock, post))

    (row,) = await rows(sessions)
    assert (row.state, row.attempts) == ("queued", 1)


async def test_a_server_that_does_not_encrypt_gets_no_mail_from_another_machine(
    sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    receiver = Receiver()
    await enqueue(sessions, vault, clock)

    async with receiving(receiver) as post:
        server = post.server
        elsewhere = SmtpPost(SmtpServer(server.host, server.port, tls=False, start_tls=True))
        await drive.send_due(outgoing(sessions, vault, clock, elsewhere))

    (row,) = await rows(sessions)
    assert receiver.messages == []
    assert row.state == "queued"


async def test_a_body_that_does_not_open_is_not_sent(
    sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    await enqueue(sessions, vault, clock)
    async with sessions.begin() as db:
        await db.execute(text("update mail set sealed_body = 'tampered'"))
    post = Refusing(for_good=True)

    await drive.send_due(outgoing(sessions, vault, clock, post))

    (row,) = await rows(sessions)
    assert post.offered == []
    assert (row.state, row.attempts) == ("queued", 1)
    assert "does not open" in row.last_error


async def test_what_was_settled_is_forgotten_after_a_while(
    sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    await enqueue(sessions, vault, clock)
    await drive.send_due(outgoing(sessions, vault, clock, Refusing(for_good=True)))
    kept: list[int] = []

    for _ in range(2):
        async with platform_transaction(sessions) as platform:
            await service.tidy(platform, now=clock.now())
        kept.append(len(await rows(sessions)))
        clock.at += service.KEPT_FOR + domain.RETRY_DELAY_MIN

    async with platform_transaction(sessions) as platform:
        await service.tidy(platform, now=clock.now())
    assert kept[0] == 1
    assert await rows(sessions) == []


@pytest.mark.concurrent
async def test_two_workers_send_each_of_many_mails_once(
    own_sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    receiver = Receiver()
    for number in range(30):
        await enqueue(own_sessions, vault, clock, Mail(f"ada{number}@example.org", "Hello", BODY))

    async with receiving(receiver) as post:

        async def work() -> None:
            while await drive.send_due(outgoing(own_sessions, vault, clock, post)):
                pass

        async with asyncio.TaskGroup() as tasks:
            for _ in range(2):
                tasks.create_task(work())

    assert len(receiver.messages) == 30
    assert len(set(receiver.recipients)) == 30
    assert {row.state for row in await rows(own_sessions)} == {"sent"}


@pytest.mark.concurrent
async def test_a_worker_that_died_over_a_mail_loses_it_to_another_and_cannot_settle_it_any_more(
    own_sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    await enqueue(own_sessions, vault, clock)
    async with platform_transaction(own_sessions) as platform:
        (lost,) = await service.claim(platform, now=clock.now(), limit=5)
    async with platform_transaction(own_sessions) as platform:
        nobodys = await service.claim(platform, now=clock.now(), limit=5)
    clock.at += domain.LEASE
    async with platform_transaction(own_sessions) as platform:
        (taken_over,) = await service.claim(platform, now=clock.now(), limit=5)

    async with platform_transaction(own_sessions) as platform:
        await service.record_sent(platform, lost, now=clock.now())
        await service.record_failure(platform, lost, "late", for_good=True, now=clock.now())

    (row,) = await rows(own_sessions)
    assert nobodys == []
    assert (lost.number, taken_over.number) == (1, 2)
    assert (row.state, row.last_error) == ("queued", None)
    assert service.mail_of(taken_over, vault) == MAIL


@pytest.mark.concurrent
async def test_what_one_worker_is_taking_another_neither_gets_nor_waits_for(
    own_sessions: Sessions, vault: Vault, clock: MovableClock
) -> None:
    for number in range(3):
        await enqueue(own_sessions, vault, clock, Mail(f"ada{number}@example.org", "Hello", BODY))

    async with (
        asyncio.timeout(10),
        platform_transaction(own_sessions) as one,
        platform_transaction(own_sessions) as other,
    ):
        mine = await service.claim(one, now=clock.now(), limit=2)
        theirs = await service.claim(other, now=clock.now(), limit=2)

    assert (len(mine), len(theirs)) == (2, 1)
    assert not {each.mail_id for each in mine} & {each.mail_id for each in theirs}
