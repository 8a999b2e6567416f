"""Tables of this slice, and what their rows are to those who append and read them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from service.audit.domain import Actor
from service.db import TenantRow
from service.ids import ClientId, EndpointId, EventId
from service.outbox.domain.events import Audience
from service.vault import Place, Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """Something that happened, to be told.

    Attributes:
        type: a name of `domain.events.EVENT_TYPES`, which also says who may read it.
        sequence: grows with each event of the subject, given under the lock of its request's row.
        client_id: the client organization it concerns, if any.
        payload: JSON, told as it stands to everybody who may read the event.
        internal: whether it is for the tenant alone, whoever may read others of its type.
    """

    type: str
    subject_kind: str
    subject_id: UUID
    sequence: int
    occurred_at: datetime
    payload: dict[str, Any]
    client_id: ClientId | None = None
    internal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, as it is told in the feed and to webhooks."""

    id: EventId
    type: str
    subject_kind: str
    subject_id: UUID
    sequence: int
    client_id: ClientId | None
    audience: Audience
    occurred_at: datetime
    recorded_at: datetime
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EndpointDraft:
    """An endpoint as it is asked for, and by whom; see Endpoint."""

    url: str
    types: tuple[str, ...]
    client_id: ClientId | None
    by: Actor = field(default_factory=Actor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a receiver wants to be told, and of what.

    Attributes:
        client_id: set when it belongs to a client organization, which is told of its own events only.
        types: the events it wants; empty means all.
    """

    id: EndpointId
    client_id: ClientId | None
    url: str
    types: tuple[str, ...]
    enabled: bool
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered to one attempt: a status, or the reason why there is none."""

    status: int | None
    error: str | None


class EventRow(TenantRow):
    """Append-only. `tx` is the transaction that wrote it: the feed reads below the oldest one running."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("tenant_id", "subject_id", "sequence"),
        Index("ix_event_tenant_id_tx_id", "tenant_id", "tx", "id"),
    )

    tx: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint"))
    type: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    sequence: Mapped[int]
    client_id: Mapped[UUID | None]
    audience: Mapped[str]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    payload: Mapped[dict[str, Any]]

    def to_domain(self) -> Event:
        return Event(
            id=EventId(self.id),
            type=self.type,
            subject_kind=self.subject_kind,
            subject_id=self.subject_id,
            sequence=self.sequence,
            client_id=None if self.client_id is None else ClientId(self.client_id),
            audience=Audience(self.audience),
            occurred_at=self.occurred_at,
            recorded_at=self.recorded_at,
            payload=self.payload,
        )


class WebhookEndpointRow(TenantRow):
    """`secret` is what came before `sealed_secret`; it is emptied when the secret is sealed."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "client_id"], ["client.tenant_id", "client.id"]),)

    client_id: Mapped[UUID | None]
    url: Mapped[str]
    types: Mapped[list[Any]]
    secret: Mapped[str | None]
    sealed_secret: Mapped[bytes | None]
    enabled: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self) -> Endpoint:
        return Endpoint(
            id=EndpointId(self.id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            url=self.url,
            types=tuple(self.types),
            enabled=self.enabled,
            version=self.version,
            created_at=self.created_at,
        )

    def opened_secret(self, vault: Vault) -> str:
        """The secret in clear. Raises SealBroken, also when there is none, and MasterKeyUnknown."""
        if self.secret is not None:
            return self.secret
        return vault.open(self.sealed_secret or b"", secret_place(self.tenant_id, self.id)).decode()


def secret_place(tenant_id: UUID, endpoint_id: UUID) -> Place:
    """Where the sealed secret of this endpoint lies."""
    return Place(tenant_id, WebhookEndpointRow.__tablename__, "sealed_secret", endpoint_id)


class WebhookDeliveryRow(TenantRow):
    """One event on its way to one endpoint. Its id is the `webhook-id` of every attempt.

    Attributes:
        client_id: the client organization that the endpoint belongs to, if any.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"], ["webhook_endpoint.tenant_id", "webhook_endpoint.id"]
        ),
        ForeignKeyConstraint(["tenant_id", "event_id"], ["event.tenant_id", "event.id"]),
        Index("ix_webhook_delivery_tenant_id_endpoint_id", "tenant_id", "endpoint_id"),
    )

    client_id: Mapped[UUID | None]
    endpoint_id: Mapped[UUID]
    event_id: Mapped[UUID]
    attempts: Mapped[int]
    state: Mapped[str]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    attempted_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
