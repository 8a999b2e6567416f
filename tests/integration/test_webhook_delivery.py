"""Webhooks, from the appended event to a receiver that checks the signature."""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import (
    AuthorityKeyIdentifier,
    BasicConstraints,
    CertificateBuilder,
    DNSName,
    KeyUsage,
    Name,
    NameAttribute,
    SubjectAlternativeName,
    SubjectKeyIdentifier,
    random_serial_number,
)
from cryptography.x509.oid import NameOID
from sqlalchemy import Row, text

from service import worker
from service.api.events import EventView
from service.audit.domain import Actor
from service.clock import SystemClock
from service.db import Sessions, TenantSession, create_engine, create_sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.ids import ClientId, EndpointId, TenantId
from service.jobs.registry import Tools
from service.outbox import jobs, sender, service
from service.outbox.domain import deliveries
from service.outbox.models import Answer, EndpointDraft, EventDraft
from service.outbox.sender import Message, Sender
from service.settings import Settings
from service.tenants import service as tenants
from service.vault import Vault
from tests import factories
from tests.factories import NOON, VAULT, MovableClock
from tests.integration import sent

AT = datetime.fromtimestamp(1_700_000_000, tz=NOON.tzinfo)
AUTHORITY = Name([NameAttribute(NameOID.COMMON_NAME, "Authority of the test")])
SIGNING = KeyUsage(
    key_cert_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
SECRET = deliveries.secret_of(b"k" * 32)


@dataclass
class Receiver:
    """A web server of the test's own. `answer` is what it sends back, byte for byte."""

    answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"
    hangs: bool = False
    tls: ssl.SSLContext | None = None
    address: str = ""
    requests: asyncio.Queue[tuple[dict[str, str], bytes]] = field(default_factory=asyncio.Queue)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if name
        }
        body = await reader.readexactly(int(headers["content-length"]))
        await self.requests.put((headers | {"": head[0]}, body))
        if self.hangs:
            await reader.read()
        else:
            writer.write(self.answer)
            await _drained(writer)
        writer.close()


async def _drained(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.drain()
    except ConnectionError:
        return  # the caller had read enough


@asynccontextmanager
async def receiving(**values: Any) -> AsyncGenerator[Receiver]:
    receiver = Receiver(**values)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=receiver.tls)
    receiver.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?a=1"
    try:
        yield receiver
    finally:
        server.close()


@asynccontextmanager
async def sending(*, loopback_allowed: bool = True, **values: Any) -> AsyncGenerator[Sender]:
    made = Sender(loopback_allowed=loopback_allowed, **values)
    try:
        yield made
    finally:
        await made.aclose()


def message(url: str) -> Message:
    return Message("delivery-1", url, SECRET, b'{"type":"commitment.kept"}')


def signed(secret: str, headers: dict[str, str], body: bytes) -> str:
    """What the receiver expects, computed on its own."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


async def test_a_message_arrives_signed_as_it_was_sent() -> None:
    async with receiving() as receiver, sending() as made:
        answer = await made.send(message(receiver.address), at=AT)
        headers, body = await receiver.requests.get()

    assert answer == Answer(204, None)
    assert headers[""] == "POST /hook?a=1 HTTP/1.1"
    assert headers["host"] == receiver.address.split("/")[2]
    assert headers["content-type"] == "application/json"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("delivery-1", "1700000000")
    assert headers["webhook-signature"] == signed(SECRET, headers, body)
    assert body == b'{"type":"commitment.kept"}'


async def test_a_redirect_is_a_failure_and_is_not_followed() -> None:
    async with receiving() as second:
        moved = f"HTTP/1.1 307 Moved\r\nlocation: {second.address}\r\ncontent-length: 0\r\n\r\n".encode()
        async with receiving(answer=moved) as first, sending() as made:
            answer = await made.send(message(first.address), at=AT)

        assert answer.status == 307
        assert not deliveries.is_success(answer.status)
        assert second.requests.empty()


async def test_no_more_of_an_answer_is_read_than_is_bounded() -> None:
    endless = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n" + b"x" * 200_000

    async with receiving(answer=endless) as receiver, sending() as made, asyncio.timeout(10):
        answer = await made.send(message(receiver.address), at=AT)

    assert answer == Answer(200, None)


async def test_a_compressed_answer_is_not_unpacked() -> None:
    bomb = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 9\r\n\r\nnot gzip!"

    async with receiving(answer=bomb) as receiver, sending() as made:
        assert await made.send(message(receiver.address), at=AT) == Answer(200, None)


async def test_a_receiver_that_does_not_answer_is_left_alone_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender, "TIMEOUT", timedelta(milliseconds=300))

    async with receiving(hangs=True) as receiver, sending() as made:
        answer = await made.send(message(receiver.address), at=AT)

    assert answer.status is None
    assert answer.error is not None


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000])
async def test_an_answer_that_is_no_http_is_a_failure(answer: bytes) -> None:
    async with receiving(answer=answer) as receiver, sending() as made:
        found = await made.send(message(receiver.address), at=AT)

    assert found.status is None
    assert found.error is not None


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["fe80::1%lo"],
        ["64:ff9b::7f00:1"],
        [],
    ],
)
async def test_a_name_with_an_address_that_is_not_public_is_not_called(addresses: list[str]) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return addresses

    async with sending(loopback_allowed=False, resolve=resolve) as made:
        answer = await made.send(message("https://receiver.example.com:8443/"), at=AT)

    assert answer == Answer(None, "receiver.example.com does not resolve to public addresses only")


async def test_a_name_is_resolved_once_so_that_it_cannot_become_another_address() -> None:
    asked: list[str] = []

    async with receiving() as receiver:
        port = receiver.address.split(":")[2].split("/")[0]

        async def resolve(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

        async with sending(resolve=resolve) as made:
            answer = await made.send(message(f"http://localhost:{port}/"), at=AT)
        headers, _ = await receiver.requests.get()

    assert answer == Answer(204, None)
    assert asked == ["localhost"]
    assert headers["host"] == f"localhost:{port}"


async def test_a_name_that_cannot_be_resolved_is_a_failure() -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    async with sending(resolve=resolve) as made:
        answer = await made.send(message("https://receiver.example.com/"), at=AT)

    assert answer == Answer(None, "receiver.example.com cannot be resolved")


async def test_an_endpoint_that_was_registered_under_another_setting_is_not_called() -> None:
    async with receiving() as receiver, sending(loopback_allowed=False) as made:
        answer = await made.send(message(receiver.address), at=AT)

        assert answer.status is None
        assert receiver.requests.empty()


def authority() -> tuple[CertificateBuilder, EllipticCurvePrivateKey]:
    """What certificates of the test's own authority have in common, and the key that signs them."""
    key = generate_private_key(SECP256R1())
    builder = CertificateBuilder(
        issuer_name=AUTHORITY,
        not_valid_before=SystemClock().now() - timedelta(days=1),
        not_valid_after=SystemClock().now() + timedelta(days=1),
    )
    return builder, key


def contexts(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for `name`, and a context that trusts its authority."""
    builder, signer = authority()
    key = generate_private_key(SECP256R1())
    root, leaf = (
        each.serial_number(random_serial_number()).sign(signer, SHA256())
        for each in (
            builder.subject_name(AUTHORITY)
            .public_key(signer.public_key())
            .add_extension(BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(SIGNING, critical=True)
            .add_extension(SubjectKeyIdentifier.from_public_key(signer.public_key()), critical=False),
            builder.subject_name(Name([]))
            .public_key(key.public_key())
            .add_extension(SubjectAlternativeName([DNSName(name)]), critical=True)
            .add_extension(
                AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            ),
        )
    )
    held = folder / "server.pem"
    held.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + leaf.public_bytes(Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(held)
    return server, ssl.create_default_context(cadata=root.public_bytes(Encoding.PEM).decode())


@pytest.mark.parametrize(
    ("certified", "expected"),
    [("localhost", Answer(204, None)), ("other.example.com", Answer(None, "ConnectError"))],
)
async def test_a_certificate_must_be_for_the_name_although_its_address_is_called(
    tmp_path: Path, certified: str, expected: Answer
) -> None:
    server, trust = contexts(tmp_path, certified)

    async with receiving(tls=server) as receiver, sending(trust=trust) as made:
        url = receiver.address.replace("http://127.0.0.1", "https://localhost")
        assert await made.send(message(url), at=AT) == expected


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    server, _ = contexts(tmp_path, "localhost")

    async with receiving(tls=server) as receiver, sending() as made:
        url = receiver.address.replace("http://127.0.0.1", "https://localhost")
        assert await made.send(message(url), at=AT) == Answer(None, "ConnectError")
        assert receiver.requests.empty()


def draft(sequence: int = 1, **overrides: Any) -> EventDraft:
    values: dict[str, Any] = {
        "type": "commitment.kept",
        "subject_kind": "commitment",
        "subject_id": uuid4(),
        "occurred_at": NOON,
        "payload": {"metric": "resolve"},
    }
    return EventDraft(sequence=sequence, **(values | overrides))


async def register(session: TenantSession, url: str, *types: str, client_id: ClientId | None = None) -> str:
    _, secret = await service.register(
        session,
        EndpointDraft(url, types, client_id),
        VAULT,
        key=uuid4().bytes * 2,
        now=NOON,
        loopback_allowed=True,
    )
    return secret


async def queued(session: TenantSession) -> list[Row[Any]]:
    """Deliveries with their endpoints, in the order of their events."""
    found = await session.db.execute(
        text(
            "select d.*, e.url, v.sequence from webhook_delivery d"
            " join webhook_endpoint e on e.id = endpoint_id"
            " join event v on v.id = event_id order by v.sequence, e.url"
        )
    )
    return list(found)


async def jobs_of(session: TenantSession) -> list[dict[str, Any]]:
    found = await session.db.execute(
        text("select payload, execute_after - now() as wait from pgqueuer order by id")
    )
    return [json.loads(row.payload) | {"wait": row.wait} for row in found]


async def test_an_event_is_enqueued_for_each_endpoint_that_it_concerns(session: TenantSession) -> None:
    ours = (await tenants.create_client(session, Actor(), tenants.ClientEntry(name="Harbour"), now=NOON)).id
    theirs = (await tenants.create_client(session, Actor(), tenants.ClientEntry(name="Airport"), now=NOON)).id
    await register(session, "https://a.example.com/")
    await register(session, "https://b.example.com/", "commitment.warned")
    await register(session, "https://c.example.com/", client_id=ours)

    await service.append(
        session,
        [
            draft(1, client_id=ours),
            draft(2, client_id=ours, type="commitment.warned"),
            draft(3, client_id=theirs),
        ],
    )

    rows = await queued(session)
    assert [(row.sequence, row.url[8]) for row in rows] == [(1, "a"), (1, "c"), (2, "a"), (2, "b"), (3, "a")]
    enqueued = await jobs_of(session)
    assert {job["delivery_id"] for job in enqueued} == {str(row.id) for row in rows}
    assert {job["attempt"] for job in enqueued} == {1}
    assert {job["tenant_id"] for job in enqueued} == {str(session.tenant_id)}


async def test_events_are_told_and_endpoints_found_by_one_statement(session: TenantSession) -> None:
    with sent.statements() as statements:
        await service.append(session, [draft(1), draft(2), draft(3)])

    (together,) = statements
    assert "insert into event" in together
    assert "from webhook_endpoint" in together
    assert await queued(session) == []


def tools(sessions: Sessions, made: Sender) -> Tools:
    return Tools(sessions, MovableClock(AT), {Sender: made, Vault: VAULT})


async def appended(sessions: Sessions, tenant_id: TenantId, url: str) -> tuple[str, Row[Any]]:
    async with tenant_transaction(sessions, tenant_id) as session:
        secret = await register(session, url)
        await service.append(session, [draft()])
        (row,) = await queued(session)
    return secret, row


async def test_a_delivery_that_fails_is_tried_again_under_the_same_id_and_recorded(
    sessions: Sessions, tenant_id: TenantId
) -> None:
    async with receiving(answer=b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n") as receiver:
        _, row = await appended(sessions, tenant_id, receiver.address)
        async with sending() as made:
            for attempt in (1, 1, 2):  # the first is repeated, as after the death of a worker
                await jobs.deliver(
                    tools(sessions, made), tenant_id=tenant_id, delivery_id=row.id, attempt=attempt
                )
            seen = [receiver.requests.get_nowait()[0] for _ in range(receiver.requests.qsize())]

    async with tenant_transaction(sessions, tenant_id) as session:
        (after,) = await queued(session)
        enqueued = await jobs_of(session)
    assert [headers["webhook-id"] for headers in seen] == [str(row.id)] * 2
    assert (after.attempts, after.state, after.last_status) == (2, "pending", 500)
    assert [job["attempt"] for job in enqueued] == [1, 2, 3]
    assert [job["wait"] for job in enqueued] == [timedelta(0), *deliveries.RETRY_DELAYS[:2]]


async def test_the_last_attempt_ends_it(sessions: Sessions, tenant_id: TenantId) -> None:
    async with receiving(answer=b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n") as receiver:
        _, row = await appended(sessions, tenant_id, receiver.address)
        async with sending() as made:
            for attempt in range(1, 12):
                await jobs.deliver(
                    tools(sessions, made), tenant_id=tenant_id, delivery_id=row.id, attempt=attempt
                )

        assert receiver.requests.qsize() == len(deliveries.RETRY_DELAYS) + 1
    async with tenant_transaction(sessions, tenant_id) as session:
        (after,) = await queued(session)
    assert (after.state, after.last_status) == ("exhausted", 410)


async def test_a_removed_endpoint_is_not_called_any_more(sessions: Sessions, tenant_id: TenantId) -> None:
    async with receiving() as receiver, sending() as made:
        _, row = await appended(sessions, tenant_id, receiver.address)
        async with tenant_transaction(sessions, tenant_id) as session:
            endpoint = await service.get_endpoint(session, EndpointId(row.endpoint_id), client_id=None)
            await service.remove_endpoint(session, Actor(), endpoint, now=NOON)

        await jobs.deliver(tools(sessions, made), tenant_id=tenant_id, delivery_id=row.id, attempt=1)

        assert receiver.requests.empty()


async def test_another_tenants_delivery_cannot_be_sent(sessions: Sessions, tenant_id: TenantId) -> None:
    stranger = await factories.tenant(sessions)

    async with receiving() as receiver, sending() as made:
        _, row = await appended(sessions, tenant_id, receiver.address)

        await jobs.deliver(tools(sessions, made), tenant_id=stranger.id, delivery_id=row.id, attempt=1)

        assert receiver.requests.empty()


@pytest.mark.concurrent
async def test_a_worker_delivers_what_was_appended(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    tenant = await factories.tenant(own_sessions)
    stop = asyncio.Event()
    engine = create_engine(own_database.app_url, pool_size=8)
    settings = Settings.model_validate({"webhooks_allow_loopback": True})

    async with receiving() as receiver, asyncio.TaskGroup() as tasks:
        tasks.create_task(worker.run(settings, create_sessions(engine), vault=VAULT, advances={}, stop=stop))
        secret, row = await appended(own_sessions, tenant.id, receiver.address)
        async with asyncio.timeout(20):
            headers, body = await receiver.requests.get()
        stop.set()
    await engine.dispose()

    told = json.loads(body)
    assert headers["webhook-id"] == str(row.id)
    assert headers["webhook-signature"] == signed(secret, headers, body)
    assert abs(SystemClock().now().timestamp() - int(headers["webhook-timestamp"])) < 60
    assert (told["type"], told["timestamp"]) == ("commitment.kept", "2026-01-05T12:00:00Z")
    assert told["data"]["id"] == str(row.event_id)
    assert set(told["data"]) == set(EventView.__struct_fields__)  # as the feed shows it
    async with tenant_transaction(own_sessions, tenant.id) as session:
        (after,) = await queued(session)
    assert (after.state, after.attempts, after.last_status) == ("delivered", 1, 204)
    assert after.delivered_at is not None
