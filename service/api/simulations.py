"""HTTP for simulations: what a version would do to one request."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api.decision_views import AnswerView, RuleWhyView
from service.api.fields import Moment
from service.api.request_forms import SubmitRequest
from service.backtests import simulation
from service.backtests.climbing import Notice
from service.backtests.simulation import Outcome, Question, Simulated
from service.backtests.weighing import outcome
from service.commitments import wire
from service.commitments.domain import ClockState
from service.commitments.models import Commitment
from service.db import TenantSession
from service.ids import PolicyId, RequestId
from service.rationalization import verdicts
from service.rationalization.verdicts import Verdict
from service.requests.intake import Caller
from service.rules.service import Rulebook


class SimulatePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A version or a document to try, and what to try it on: one of `request_id`, `submission`, `facts`.

    It is the newest version when neither is given.
    """

    version: Annotated[int, msgspec.Meta(ge=1, lt=2**31)] | None = None
    document: Annotated[
        dict[str, Any] | None, msgspec.Meta(description="In the place of a version; it is not saved.")
    ] = None
    request_id: RequestId | None = None
    submission: SubmitRequest | None = None
    facts: Annotated[
        dict[str, Any] | None,
        msgspec.Meta(description="Nested, or by their dotted names, such as request.priority."),
    ] = None
    at: Annotated[Moment | None, msgspec.Meta(description="As of when; the tenant's now when left out.")] = (
        None
    )

    def question(self, now: datetime) -> Question:
        at = self.at or now
        return Question(
            now=now,
            version=self.version,
            document=self.document,
            request_id=self.request_id,
            submission=None if self.submission is None else self.submission.submission(at),
            facts=self.facts,
            at=at,
        )


class SimulatedPromiseView(msgspec.Struct, frozen=True, kw_only=True):
    """A promise as it would stand. `warn_at` is when it would be warned of."""

    metric: str
    target: dict[str, Any]
    clock: ClockState
    outcome: str
    started_at: datetime
    due_at: datetime | None
    warn_at: datetime | None
    broken_at: datetime | None
    fulfilled_at: datetime | None

    @classmethod
    def of(cls, commitment: Commitment) -> "SimulatedPromiseView":
        return cls(
            metric=commitment.metric,
            target=wire.target_document(commitment.target),
            clock=commitment.clock,
            outcome=outcome(commitment),
            started_at=commitment.started_at,
            due_at=commitment.due_at,
            warn_at=commitment.warn_at,
            broken_at=commitment.broken_at,
            fulfilled_at=commitment.fulfilled_at,
        )


class SimulatedNoticeView(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a ladder that would be told at this instant if nobody acknowledged anything.

    `to` are its targets as they are written, those left out whom nobody would be told by; `off_duty` are the
    rotas by which nobody is on duty then. With nobody in `to`, the step above is told at once.
    """

    at: datetime
    ladder: str
    step: str
    repeat: int
    metric: str
    to: list[str]
    off_duty: list[str]

    @classmethod
    def of(cls, notice: Notice) -> "SimulatedNoticeView":
        return cls(
            at=notice.at,
            ladder=notice.ladder,
            step=notice.step,
            repeat=notice.repeat,
            metric=notice.metric,
            to=list(notice.to),
            off_duty=list(notice.off_duty),
        )


class OutcomeView(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from some versions: by the last decision, and of the promises at the instant asked for.

    `versions` are called by name and number. `derived` is what classification adds to the facts. `rules` has
    every rule of every version, matched or not, with the values that decided it. `notices` are those of the
    year to come too, if nothing happens; `ladders_unknown` are ladders that there are not.
    """

    versions: list[str]
    verdict: Verdict
    reason: str | None
    ladders: list[str]
    promises: list[SimulatedPromiseView]
    notices: list[SimulatedNoticeView]
    ladders_unknown: list[str]
    facts: dict[str, Any]
    derived: dict[str, Any]
    degraded: bool
    answers: list[AnswerView]
    rules: list[RuleWhyView]

    @classmethod
    def of(cls, found: Outcome) -> "OutcomeView":
        decision = found.decision
        return cls(
            versions=list(found.labels),
            verdict=verdicts.of(decision.verdict),
            reason=decision.reason,
            ladders=decision.ladders,
            promises=[SimulatedPromiseView.of(each) for each in found.course.commitments],
            notices=[SimulatedNoticeView.of(each) for each in found.climbed.notices],
            ladders_unknown=sorted(found.climbed.unknown),
            facts=decision.facts,
            derived=decision.derived,
            degraded=decision.degraded,
            answers=list(map(AnswerView.of, decision.answers)),
            rules=[RuleWhyView.of(each, in_full=True) for each in found.why],
        )


class SimulationView(msgspec.Struct, frozen=True):
    """What would follow, and what follows from the versions in effect; whether the two differ."""

    at: datetime
    differs_from_current: bool
    simulated: OutcomeView
    current: OutcomeView

    @classmethod
    def of(cls, simulated: Simulated) -> "SimulationView":
        return cls(
            simulated.at,
            simulated.differs,
            OutcomeView.of(simulated.tried),
            OutcomeView.of(simulated.current),
        )


class SimulationController(Controller):
    path = "/v1/policies"
    tags = ("Policies",)

    @post("/{policy_id:uuid}/simulate", status_code=200, operation_id="simulatePolicy")
    async def simulate(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        policy_id: FromPath[PolicyId],
        data: JSONBody[SimulatePolicy],
    ) -> SimulationView:
        """Try a version on one request, or on hand-made facts. Nothing is written, promised or told."""
        question = data.question(now)
        return SimulationView.of(
            await simulation.simulate(session, rulebook, policy_id, question, caller=caller)
        )
