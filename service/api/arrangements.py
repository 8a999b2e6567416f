"""HTTP for arrangements: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api.arrangement_views import AnswerArrangement, ArrangementInFullView, ArrangementView
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.db import TenantSession
from service.errors import Fault
from service.ids import ArrangementId, RequestId
from service.rationalization.arrangements import service
from service.rationalization.arrangements.domain import State, VerdictKind
from service.rationalization.arrangements.errors import AnswerInvalid
from service.rationalization.arrangements.service import Sought
from service.rationalization.gates import service as gates
from service.rationalization.verdicts import GATES_MAX
from service.requests import objecting, rationalizing
from service.requests.service import Caller
from service.rules.service import Rulebook


class ArrangementController(Controller):
    path = "/v1/arrangements"
    tags = ("Rationalization",)

    @get("/", operation_id="listArrangements")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        paging: NamedDependency[Paging],
        now: NamedDependency[datetime],
        request_id: Annotated[RequestId | None, QueryParameter(description="Of this request only.")] = None,
        standing: Annotated[
            State | None, QueryParameter(name="state", description="That were last seen to stand so only.")
        ] = None,
        verdict: Annotated[VerdictKind | None, QueryParameter(description="Of this verdict only.")] = None,
    ) -> Response[Page[ArrangementView]]:
        """List what became of verdicts, oldest first. A client's application sees those of its own client."""
        sought = Sought(client_id=caller.client_id, request_id=request_id, state=standing, verdict=verdict)
        found = await service.list_arrangements(
            session, sought, after=paging.after(UUID), limit=paging.sought
        )
        in_full = caller.client_id is None
        return paging.page(
            found,
            position=lambda arrangement: arrangement.id,
            view=lambda arrangement: ArrangementView.of(arrangement, now, in_full=in_full),
        )

    @get("/{arrangement_id:uuid}", operation_id="getArrangement")
    async def get_one(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        arrangement_id: FromPath[ArrangementId],
    ) -> ArrangementInFullView:
        """Show what became of one verdict: for the tenant with its gates and its ledger."""
        return await _shown(session, caller, arrangement_id, now=now)

    @post("/{arrangement_id:uuid}/answers", status_code=200, operation_id="answerArrangement")
    async def answer(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        arrangement_id: FromPath[ArrangementId],
        data: JSONBody[AnswerArrangement],
    ) -> Response[ArrangementInFullView]:
        """Accept a counter-proposal for the client, or object to it. The first answer counts."""

        async def effect() -> ArrangementInFullView:
            if data.accept:
                await rationalizing.accept(
                    session, rulebook, caller.actor, arrangement_id, client_id=caller.client_id, now=now
                )
            else:
                await _object(session, rulebook, caller, (arrangement_id, data), now=now)
            return await _shown(session, caller, arrangement_id, now=now)

        return await once(effect, status_code=200)


async def _object(
    session: TenantSession,
    rulebook: Rulebook,
    caller: Caller,
    said: tuple[ArrangementId, AnswerArrangement],
    *,
    now: datetime,
) -> None:
    """Raises AnswerInvalid, ArrangementNotFound, ArrangementNotOpen."""
    arrangement_id, data = said
    await rationalizing.check_is_offered(session, arrangement_id, client_id=caller.client_id, now=now)
    if data.reason is None:
        raise AnswerInvalid([Fault("/reason", "Say what is held against the counter-proposal.")])
    plea = data.plea(arrangement_id, data.reason)
    await objecting.raise_objection(session, rulebook, caller, plea, now=now)


async def _shown(
    session: TenantSession, caller: Caller, arrangement_id: ArrangementId, *, now: datetime
) -> ArrangementInFullView:
    account = await service.account(session, arrangement_id, client_id=caller.client_id)
    if caller.client_id is not None:
        return ArrangementInFullView.told(account.arrangement, now)
    found = await gates.list_gates(
        session, gates.Sought(arrangement_id=arrangement_id), after=None, limit=GATES_MAX
    )
    return ArrangementInFullView.whole(account.arrangement, account.ledger, found, now)
