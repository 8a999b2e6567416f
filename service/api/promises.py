"""HTTP for what people promise, and for what they say of promises: parse, call one use case, render."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service import instants
from service.api import fields
from service.api.commitment_views import CommitmentView
from service.api.idempotency import Once
from service.audit.domain import Actor
from service.commitments import targets
from service.commitments.domain import InstantTarget, Target
from service.commitments.promises import Name, Names
from service.commitments.targets import PolicyTarget, Seconds
from service.db import TenantSession
from service.errors import Fault
from service.ids import CommitmentId, RequestId
from service.requests import correcting, promising
from service.requests.errors import PromiseInvalid
from service.requests.promising import Word
from service.requests.service import Caller

WORDS_MAX = 2_000

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=WORDS_MAX, pattern=r"\S")]


class CreateCommitment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A promise that the caller makes: either `due_at` or `target`. It is fulfilled when somebody says so.

    `metric` is a name for such promises, by which ladders and lists find them, such as `call`. `to` is a
    contact: its id, or what the client's own register calls it; left out, whoever asked. `fulfilled_by` names
    what fulfils it besides, such as `resolved`.
    """

    what: Words
    metric: Name
    due_at: fields.Moment | None = None
    target: PolicyTarget | None = None
    calendar: fields.Name | None = None
    to: fields.Name | None = None
    fulfilled_by: Names = []
    pausable_by: Names = []
    warn_before_seconds: Seconds | None = None

    def word(self) -> Word:
        """Raises PromiseInvalid."""
        seconds = self.warn_before_seconds
        return Word(
            what=self.what,
            metric=self.metric,
            target=self._target(),
            calendar=self.calendar,
            to=self.to,
            fulfilled_by=frozenset(self.fulfilled_by),
            pausable_by=frozenset(self.pausable_by),
            warn_before=None if seconds is None else timedelta(seconds=seconds),
        )

    def _target(self) -> Target:
        match self.due_at, self.target:
            case None, target if target is not None:
                return targets.target_of(target)
            case datetime() as due_at, None:
                self._refuse_calendar()
                if not instants.is_usable(due_at):
                    raise PromiseInvalid([Fault("/due_at", instants.refusal(due_at))])
                return InstantTarget(due_at)
            case _:
                detail = "Say when: with `due_at`, or with `target`, and not with both."
                raise PromiseInvalid([Fault("", detail)])

    def _refuse_calendar(self) -> None:
        if self.calendar is not None:
            raise PromiseInvalid([Fault("/calendar", "An instant counts by no calendar; leave it out.")])


class FulfilCommitment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That what was promised is done. `at` says when, if not just now."""

    at: fields.Moment | None = None


class CancelCommitment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That a promise is taken back. The client is told why."""

    reason: Words


class CorrectCommitment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That a breach was recorded wrongly, and why. `cycle` says which, if not the current one's."""

    reason: Words
    cycle: Annotated[int, msgspec.Meta(ge=1)] | None = None


class RequestPromiseController(Controller):
    path = "/v1/requests/{request_id:uuid}/commitments"
    tags = ("Commitments",)

    @post("/", operation_id="createCommitment")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        request_id: FromPath[RequestId],
        data: JSONBody[CreateCommitment],
    ) -> Response[CommitmentView]:
        """Promise something for a request, as a person: with a clock, and watched like any other promise."""

        async def effect() -> Response[CommitmentView]:
            made = await promising.promise(session, actor, request_id, data.word(), now=now)
            address = f"/v1/commitments/{made.id}"
            return Response(CommitmentView.of(made, now, in_full=True), headers={"Location": address})

        return await once(effect)


class PromiseController(Controller):
    path = "/v1/commitments/{commitment_id:uuid}"
    tags = ("Commitments",)

    @post("/fulfilment", status_code=200, operation_id="fulfilCommitment")
    async def fulfil(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        commitment_id: FromPath[CommitmentId],
        data: JSONBody[FulfilCommitment],
    ) -> Response[CommitmentView]:
        """Say that what a person promised is done, and when."""

        async def effect() -> CommitmentView:
            done = await promising.fulfil(session, commitment_id, caller=caller, at=data.at, now=now)
            return CommitmentView.of(done, now, in_full=True)

        return await once(effect, status_code=200)

    @post("/cancellation", status_code=200, operation_id="cancelCommitment")
    async def cancel(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        commitment_id: FromPath[CommitmentId],
        data: JSONBody[CancelCommitment],
    ) -> Response[CommitmentView]:
        """Take back what a person promised. What is broken by now stays broken."""

        async def effect() -> CommitmentView:
            cancelled = await promising.cancel(session, actor, commitment_id, data.reason, now=now)
            return CommitmentView.of(cancelled, now, in_full=True)

        return await once(effect, status_code=200)

    @post("/corrections", operation_id="correctCommitment")
    async def correct(
        self,
        session: NamedDependency[TenantSession],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        commitment_id: FromPath[CommitmentId],
        data: JSONBody[CorrectCommitment],
    ) -> Response[CommitmentView]:
        """Mark a breach as recorded wrongly. It stays on record with the reason, and counts no more."""

        async def effect() -> CommitmentView:
            corrected = await correcting.correct(
                session, actor, commitment_id, data.reason, cycle=data.cycle, now=now
            )
            return CommitmentView.of(corrected, now, in_full=True)

        return await once(effect)
