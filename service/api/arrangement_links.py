"""HTTP for links to arrangements: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api.idempotency import Once
from service.audit.domain import Actor
from service.clock import Clock
from service.db import TenantSession
from service.ids import ArrangementId
from service.requests import linking
from service.requests.answering import Delivery
from service.requests.linking import Given, Wanted
from service.settings import Settings
from service.vault import Vault

DAYS_MAX = 90


class GiveArrangementLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the link is to open, and whether it is mailed to the requester."""

    expires_in_days: Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)] = 14
    mail: bool = False


class ArrangementLinkView(msgspec.Struct, frozen=True):
    """The link, which is told this once: whoever has it answers as the requester.

    `mailed` is false where nobody's address is known, and in a sandbox, which mails nobody.
    """

    url: str
    expires_at: datetime
    mailed: bool

    @classmethod
    def of(cls, given: Given) -> "ArrangementLinkView":
        return cls(given.url, given.expires_at, given.is_mailed)


class ArrangementLinkController(Controller):
    path = "/v1/arrangements/{arrangement_id:uuid}/links"
    tags = ("Rationalization",)

    @post("/", operation_id="giveArrangementLink")
    async def give(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        clock: NamedDependency[Clock],
        settings: NamedDependency[Settings],
        vault: NamedDependency[Vault],
        arrangement_id: FromPath[ArrangementId],
        data: JSONBody[GiveArrangementLink],
    ) -> Response[ArrangementLinkView]:
        """Make a link to a page that shows the requester what was decided, and takes its answer."""

        async def effect() -> Response[ArrangementLinkView]:
            delivery = Delivery(settings.issuer, vault, clock.now())
            wanted = Wanted(delivery=delivery, days=data.expires_in_days, is_mailed=data.mail)
            given = await linking.give(session, actor, arrangement_id, wanted, now=now)
            return Response(ArrangementLinkView.of(given), status_code=201)

        return await once(effect, secret=True)
