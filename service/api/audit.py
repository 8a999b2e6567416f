"""HTTP for the audit trail: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from service.api import fields
from service.api.pagination import Page, Paging
from service.audit import service
from service.audit.domain import Link, Sought
from service.audit.service import Place
from service.audit.store import Entry
from service.db import TenantSession
from service.ids import ApplicationId, AuditRecordId, ClientId

WORDS = "^[!-~]{1,200}$"
ACTION = "^[a-z][a-z_.]{0,99}$"


class LinkView(msgspec.Struct, frozen=True):
    """A place in the tenant's chain. `digest` is SHA-256, in hex, of the one before and the record."""

    sequence: int
    digest: str

    @classmethod
    def of(cls, link: Link) -> "LinkView":
        return cls(link.sequence, link.digest.hex())


class AuditRecordView(msgspec.Struct, frozen=True):
    """What somebody did. `changes` has by field what was `before` and what is `after`.

    `link` is null for the few seconds until the record is in the chain.
    """

    id: AuditRecordId
    recorded_at: datetime
    actor: str
    application_id: ApplicationId | None
    client_id: ClientId | None
    action: str
    subject: str
    changes: dict[str, Any]
    address: str | None
    http_request_id: str | None
    link: LinkView | None

    @classmethod
    def of(cls, entry: Entry) -> "AuditRecordView":
        record = entry.record
        return cls(
            id=record.id,
            recorded_at=record.recorded_at,
            actor=record.actor,
            application_id=record.application_id,
            client_id=record.client_id,
            action=record.action,
            subject=record.subject,
            changes=msgspec.json.decode(record.changes, type=dict[str, Any]),
            address=record.address,
            http_request_id=record.http_request_id,
            link=None if entry.link is None else LinkView.of(entry.link),
        )


class AuditController(Controller):
    path = "/v1"
    tags = ("Audit",)

    @get("/audit-records", operation_id="listAuditRecords")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        by: Annotated[
            str | None,
            QueryParameter(
                name="actor", pattern=WORDS, description="Who: `member:<id>`, `application:<id>`, `operator`."
            ),
        ] = None,
        action: Annotated[
            str | None,
            QueryParameter(pattern=ACTION, description="What the action begins with, such as `client.`."),
        ] = None,
        subject: Annotated[
            str | None,
            QueryParameter(pattern=WORDS, description="To what it was done, such as `client:<id>`."),
        ] = None,
        from_at: Annotated[str | None, fields.instant_parameter("Not before", name="from")] = None,
        until: Annotated[str | None, fields.instant_parameter("Before")] = None,
        application: Annotated[
            ApplicationId | None, QueryParameter(description="Through which application.")
        ] = None,
        client: Annotated[
            ClientId | None, QueryParameter(description="On behalf of which client organization.")
        ] = None,
    ) -> Response[Page[AuditRecordView]]:
        """List who did what, newest first. What is recorded meanwhile comes before the first page."""
        sought = Sought(
            actor=by,
            action=action,
            subject=subject,
            from_at=fields.instant("from", from_at),
            until_at=fields.instant("until", until),
            application_id=application,
            client_id=client,
        )
        found = await service.list_records(session, sought, before=paging.after(Place), limit=paging.sought)
        return paging.page(
            found, position=lambda entry: (entry.record.recorded_at, entry.record.id), view=AuditRecordView.of
        )

    @get("/audit-records/{record_id:uuid}", operation_id="getAuditRecord")
    async def get_one(
        self, session: NamedDependency[TenantSession], record_id: FromPath[AuditRecordId]
    ) -> AuditRecordView:
        """Show one record, with its place in the chain."""
        return AuditRecordView.of(await service.get(session, record_id))

    @get("/audit-chain/head", operation_id="getAuditChainHead")
    async def head(self, session: NamedDependency[TenantSession]) -> LinkView:
        """Show the last link of the chain. Kept elsewhere, it later proves that nothing was changed."""
        return LinkView.of(await service.head(session))
