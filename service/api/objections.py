"""HTTP for objections: parse, call one use case, render."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional, fields, objection_views
from service.api.conditional import Precondition
from service.api.errors import ParameterMalformed
from service.api.idempotency import Once
from service.api.objection_statistics_views import ObjectionStatisticsView
from service.api.objection_terms_views import ObjectionTermsForm, ObjectionTermsView
from service.api.objection_views import DecideObjection, ObjectionView, OneObjectionView, RaiseObjection
from service.api.pagination import Page, Paging
from service.api.security import Principal
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import ObjectionId, RequestId
from service.rationalization.objections import promising, service, statistics
from service.rationalization.objections.domain import Cause, State, SubjectKind
from service.rationalization.objections.models import Objection
from service.rationalization.objections.promising import ObjectionTerms
from service.rationalization.objections.service import Sought
from service.rationalization.objections.statistics import SPAN_MAX, Span
from service.requests import contesting, objecting
from service.requests.service import Caller
from service.rules.service import Rulebook

USUAL_SPAN = timedelta(days=90)

SubjectKindQuery = Annotated[
    SubjectKind | None, QueryParameter(name="subject_kind", description="To such subjects only.")
]


class ObjectionController(Controller):
    path = "/v1/objections"
    tags = ("Objections",)

    @post("/", operation_id="raiseObjection")
    async def raise_one(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        rulebook: NamedDependency[Rulebook],
        data: JSONBody[RaiseObjection],
    ) -> Response[ObjectionView]:
        """Object to a verdict, a promise or an arrangement. That it is decided is promised, with a due."""

        async def effect() -> Response[ObjectionView]:
            made = await objecting.raise_objection(session, rulebook, caller, data.plea(), now=now)
            view = ObjectionView.of(made, now, in_full=caller.client_id is None)
            return Response(view, headers={"Location": f"/v1/objections/{made.id}"})

        return await once(effect)

    @get("/", operation_id="listObjections")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        paging: NamedDependency[Paging],
        request_id: Annotated[
            RequestId | None, QueryParameter(description="About this request only.")
        ] = None,
        subject_kind: SubjectKindQuery = None,
        subject_id: Annotated[UUID | None, QueryParameter(description="To this only.")] = None,
        standing: Annotated[
            State | None, QueryParameter(name="state", description="That stand so only.")
        ] = None,
        cause: Annotated[Cause | None, QueryParameter(description="For this cause only.")] = None,
        overdue: Annotated[
            bool | None,
            QueryParameter(
                description="Those that were not decided in time, so far or at all; or the others."
            ),
        ] = None,
    ) -> Response[Page[ObjectionView]]:
        """List objections, the youngest first. A client's application sees those of its own client."""
        sought = Sought(
            client_id=principal.client_id,
            request_id=request_id,
            subject_kind=subject_kind,
            subject_id=subject_id,
            state=standing,
            cause=cause,
            overdue=overdue,
        )
        found = await service.list_objections(
            session, sought, before=paging.after(UUID), limit=paging.sought, now=now
        )
        in_full = principal.client_id is None
        return paging.page(
            found,
            position=lambda objection: objection.id,
            view=lambda objection: ObjectionView.of(objection, now, in_full=in_full),
        )

    @get("/statistics", operation_id="getObjectionStatistics")
    async def statistics(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        from_at: Annotated[
            str | None,
            fields.instant_parameter("Raised not before, 90 days earlier if left out", name="from"),
        ] = None,
        until: Annotated[str | None, fields.instant_parameter("Raised before, now if left out")] = None,
    ) -> ObjectionStatisticsView:
        """Count objections by cause, by what they are about, by service and by rule."""
        # What was raised at this very instant counts too: a sandbox's clock stands still.
        before = fields.instant("until", until) or now + timedelta(microseconds=1)
        since = fields.instant("from", from_at) or before - USUAL_SPAN
        if not timedelta(0) < before - since <= SPAN_MAX:
            raise ParameterMalformed(f"from lies before until, by {SPAN_MAX.days} days at most.")
        span = Span(since, before)
        found = await statistics.compute(session, span, client_id=principal.client_id, now=now)
        return ObjectionStatisticsView.of(found, span, in_full=principal.client_id is None)

    @get("/{objection_id:uuid}", operation_id="getObjection")
    async def get_one(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        objection_id: FromPath[ObjectionId],
    ) -> OneObjectionView:
        """Show one objection, all that was said of it, and who may not decide it."""
        found = await service.get(session, objection_id, client_id=principal.client_id)
        return await _shown(session, found, now, in_full=principal.client_id is None)

    @post("/{objection_id:uuid}/decision", status_code=200, operation_id="decideObjection")
    async def decide(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        rulebook: NamedDependency[Rulebook],
        objection_id: FromPath[ObjectionId],
        data: JSONBody[DecideObjection],
    ) -> Response[OneObjectionView]:
        """Uphold an objection or reject it, as a member who has no part in it. What is right is put right."""

        async def effect() -> OneObjectionView:
            judgement = data.judgement(principal.member_id)
            decided = await objecting.decide(session, rulebook, actor, objection_id, judgement, now=now)
            return await _shown(session, decided, now, in_full=True)

        return await once(effect, status_code=200)

    @post("/{objection_id:uuid}/withdrawal", status_code=200, operation_id="withdrawObjection")
    async def withdraw(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        rulebook: NamedDependency[Rulebook],
        objection_id: FromPath[ObjectionId],
    ) -> Response[OneObjectionView]:
        """Object no more, as whoever objected."""

        async def effect() -> OneObjectionView:
            withdrawn = await objecting.withdraw(session, rulebook, caller, objection_id, now=now)
            return await _shown(session, withdrawn, now, in_full=caller.client_id is None)

        return await once(effect, status_code=200)


class ObjectionTermsController(Controller):
    path = "/v1/objection-terms"
    tags = ("Objections",)

    @get("/", operation_id="getObjectionTerms")
    async def get_terms(
        self, request: Request[Any, Any, Any], session: NamedDependency[TenantSession]
    ) -> Response[ObjectionTermsView]:
        """Show by when objections are decided."""
        found = await promising.terms(session)
        return conditional.respond(request, ObjectionTermsView.of(found), tag=_tag(session, found))

    @put("/", operation_id="changeObjectionTerms")
    async def change_terms(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        data: JSONBody[ObjectionTermsForm],
    ) -> Response[ObjectionTermsView]:
        """Change by when objections are decided. Those that were raised before keep their due."""
        precondition.check(_tag(session, await promising.hold_terms(session)))
        changed = await objecting.change_terms(session, actor, data.terms(), now=now)
        return Response(ObjectionTermsView.of(changed), headers={"ETag": _tag(session, changed)})


async def _shown(
    session: TenantSession, found: Objection, now: datetime, *, in_full: bool
) -> OneObjectionView:
    entries = await service.entries(session, found.id)
    if not in_full or found.standing.state is not State.OPEN:
        return objection_views.one(found, entries, now, in_full=in_full)
    barred = await contesting.barred(session, found, now=now)
    left = await contesting.who_may_decide(session, barred)
    return objection_views.one(
        found, entries, now, barred=barred.members, can_be_decided=bool(left), in_full=True
    )


def _tag(session: TenantSession, terms: ObjectionTerms) -> str:
    return conditional.etag(session.tenant_id, terms.version)
