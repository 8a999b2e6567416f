"""HTTP for reviews of work that was done: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.api.review_views import ReviewResult, ReviewView, StartReview
from service.api.security import Principal
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import RequestId, ReviewId, ServiceId
from service.rationalization.reviews import service
from service.rationalization.reviews.domain import Result, Review, State
from service.rationalization.reviews.service import Sought
from service.requests import reviewing
from service.requests.reviewing import Reviewer


class ReviewController(Controller):
    path = "/v1/reviews"
    tags = ("Reviews",)

    @post("/", operation_id="startReview")
    async def start(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        once: NamedDependency[Once],
        data: JSONBody[StartReview],
    ) -> Response[ReviewView]:
        """Have work reviewed that was done, though no verdict asked for it."""

        async def effect() -> Response[ReviewView]:
            review = await reviewing.start_review(session, actor, data.request_id, data.wanted(), now=now)
            address = f"/v1/reviews/{review.id}"
            return conditional.created(ReviewView.of(review), tag=_tag(review), address=address)

        return await once(effect)

    @get("/", operation_id="listReviews")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        paging: NamedDependency[Paging],
        in_state: Annotated[
            State | None, QueryParameter(name="state", description="In this state only.")
        ] = None,
        request_id: Annotated[RequestId | None, QueryParameter(description="Of this request only.")] = None,
        service_id: Annotated[ServiceId | None, QueryParameter(description="Of this service only.")] = None,
        result: Annotated[Result | None, QueryParameter(description="With this result only.")] = None,
    ) -> Response[Page[ReviewView]]:
        """List reviews, the newest first."""
        sought = Sought(state=in_state, request_id=request_id, service_id=service_id, result=result)
        found = await service.list_reviews(session, sought, before=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda each: each.id, view=ReviewView.of)

    @get("/{review_id:uuid}", operation_id="getReview")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        review_id: FromPath[ReviewId],
    ) -> Response[ReviewView]:
        """Show one, with its result."""
        found = await service.get(session, review_id)
        return conditional.respond(request, ReviewView.of(found), tag=_tag(found))

    @post("/{review_id:uuid}/result", status_code=200, operation_id="concludeReview")
    async def conclude(
        self,
        session: NamedDependency[TenantSession],
        now: NamedDependency[datetime],
        actor: NamedDependency[Actor],
        principal: NamedDependency[Principal],
        once: NamedDependency[Once],
        review_id: FromPath[ReviewId],
        data: JSONBody[ReviewResult],
    ) -> Response[ReviewView]:
        """Record what was found, as somebody other than who did the work. The promise to review is kept."""

        async def effect() -> Response[ReviewView]:
            review = await reviewing.conclude_review(
                session,
                Reviewer(actor, principal.member_id, data.by),
                review_id,
                data.findings(),
                improvement=data.improvement,
                now=now,
            )
            return Response(ReviewView.of(review), headers={"ETag": _tag(review)})

        return await once(effect, status_code=200)


def _tag(review: Review) -> str:
    return conditional.etag(review.id, review.version)
