"""What HTTP accepts and shows of arrangements: what became of verdicts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from service.api.gate_views import GateView
from service.api.promises import Words
from service.ids import (
    ArrangementId,
    ClientId,
    DecisionId,
    PolicyId,
    PolicyVersionId,
    RequestId,
    TemplateId,
)
from service.rationalization import verdicts
from service.rationalization.arrangements import domain
from service.rationalization.arrangements.domain import Entry, Standing, State, VerdictKind
from service.rationalization.arrangements.models import KINDS, Arrangement, RuledBy, detail_of
from service.rationalization.arrangements.telling import objections_of
from service.rationalization.gates.models import Gate
from service.rationalization.objections.domain import Cause, SubjectKind
from service.rationalization.objections.models import Plea, Subject
from service.rationalization.verdicts import Channel, Redirect, SpecialMethod, Verdict
from service.requests.domain.decisions import OWN_AFFAIRS
from service.rules.vocabulary import RequestType

IN_WORDS: Mapping[State, str] = MappingProxyType(
    {
        State.PROPOSED: "Something else is offered instead; it waits for your answer.",
        State.AGREED: "What was offered instead was agreed: work may start on that.",
        State.HELD_UP: "What must be there before work starts is not all there yet.",
        State.READY: "All that must be there is there: work may start.",
        State.OBJECTED: "The counter-proposal was objected to; the objection is to be decided.",
        State.REFUSED: "Somebody whose consent is needed refused it. You can object to that.",
        State.REDIRECTED: "It belongs to another channel, which is named here.",
        State.DECLINED: "It was declined. You can object to that.",
        State.LAPSED: "Nobody answered the counter-proposal in time: it is not worked on.",
        State.SUPERSEDED: "It counts no more: another verdict took its place.",
        State.WITHDRAWN: "It counts no more: the request ended otherwise.",
        State.OVERTURNED: "An objection was upheld: it is accepted as it was asked for.",
    }
)

READY_AS_SPECIAL = "All that must be there is there: work may start while the special method is allowed."


class AnswerArrangement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether the counter-proposal is accepted. Not to accept it is an objection, which says its `reason`."""

    accept: bool
    reason: Words | None = None
    cause: Cause = Cause.OTHER
    asks_for: Annotated[str, msgspec.Meta(max_length=2_000)] = ""

    def plea(self, arrangement_id: ArrangementId, reason: str) -> Plea:
        subject = Subject(kind=SubjectKind.ARRANGEMENT, id=arrangement_id)
        return Plea(subject=subject, cause=self.cause, words=reason, asks_for=self.asks_for)


class MessageView(msgspec.Struct, frozen=True):
    """What the requester was told last. `template_id` is null where the words of the product were told."""

    subject: str
    text: str
    language: str
    template_id: TemplateId | None

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> "MessageView | None":
        return msgspec.convert(message, cls) if message else None


class WindowView(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """When the work is offered to be done; `to` is null where only its start is known."""

    start: datetime
    end: datetime | None


class ProposalView(msgspec.Struct, frozen=True, kw_only=True):
    """What is offered instead, in concrete terms. `facts` are set on the request when it is accepted."""

    window: WindowView | None = None
    priority: str | None = None
    scope: str | None = None
    type: RequestType | None = None
    facts: dict[str, Any]


class ChannelView(msgspec.Struct, frozen=True):
    """Where somebody turns to. `link` is its address with what was typed, where the channel takes that."""

    name: str
    url: str
    link: str | None = None

    @classmethod
    def of(cls, channel: Channel, link: str | None = None) -> "ChannelView":
        return cls(channel.name, channel.url, link)


class ArrangementSummary(msgspec.Struct, frozen=True):
    """What became of the verdict on a request, as it was last seen; `objections` is where to object to it."""

    id: ArrangementId
    verdict: VerdictKind
    state: State
    objections: ChannelView

    @classmethod
    def of(cls, found: Arrangement) -> "ArrangementSummary":
        objections = ChannelView.of(objections_of(found))
        return cls(found.id, found.standing.verdict, found.state, objections)


class CarriedView(msgspec.Struct, frozen=True):
    """What was typed, so that it can be handed in elsewhere without typing it again."""

    title: str | None
    type: RequestType
    source: str
    external_id: str
    facts: dict[str, Any]


class RuleView(msgspec.Struct, frozen=True):
    """The rule that gave the verdict."""

    policy_id: PolicyId
    policy_version_id: PolicyVersionId
    rule_id: str

    @classmethod
    def of(cls, ruled_by: RuledBy | None) -> "RuleView | None":
        if ruled_by is None:
            return None
        return cls(ruled_by.policy_id, ruled_by.policy_version_id, ruled_by.rule_id)


class ArrangementEntryView(msgspec.Struct, frozen=True):
    """One entry of the ledger; `by` is null for what time or rules did."""

    at: datetime
    kind: str
    by: str | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, entry: Entry) -> "ArrangementEntryView":
        return cls(entry.at, KINDS[type(entry)], entry.by or None, detail_of(entry))


class ArrangementView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a verdict.

    `state_reason` is why it stands so, where the verdict's `reason` does not say it: the words of whoever
    refused, objected or decided. `carried_to` is the request that it goes on as. To an application of a
    client organization `rule` and `missing` are null, and the verdict leaves out what is required.
    """

    id: ArrangementId
    request_id: RequestId
    client_id: ClientId | None
    decision_id: DecisionId
    verdict: Verdict
    rule: RuleView | None
    reason: str | None
    message: MessageView | None
    state: State
    state_in_words: str
    since: datetime
    state_reason: str | None
    missing: Sequence[str] | None
    proposal: ProposalView | None
    answer_by: datetime | None
    objections: ChannelView
    channel: ChannelView | None
    carried: CarriedView | None
    carried_to: RequestId | None
    made_at: datetime
    version: int

    @classmethod
    def of(cls, found: Arrangement, now: datetime, *, in_full: bool) -> "ArrangementView":
        return cls(**_fields(found, now, in_full=in_full))


class ArrangementInFullView(ArrangementView, frozen=True, kw_only=True):
    """With its gates as they were judged last, and its ledger; both are null for a client's application."""

    gates: list[GateView] | None
    ledger: list[ArrangementEntryView] | None

    @classmethod
    def told(cls, found: Arrangement, now: datetime) -> "ArrangementInFullView":
        """What an application of a client organization is told."""
        return cls(**_fields(found, now, in_full=False), gates=None, ledger=None)

    @classmethod
    def whole(
        cls, found: Arrangement, ledger: Sequence[Entry], gates: Sequence[Gate], now: datetime
    ) -> "ArrangementInFullView":
        return cls(
            **_fields(found, now, in_full=True),
            gates=[GateView.of(gate) for gate in gates],
            ledger=[ArrangementEntryView.of(entry) for entry in ledger],
        )


def _fields(found: Arrangement, now: datetime, *, in_full: bool) -> dict[str, Any]:
    standing = domain.at(found.standing, now)
    return {
        "id": found.id,
        "request_id": found.request_id,
        "client_id": found.client_id,
        "decision_id": found.decision_id,
        "verdict": found.verdict if in_full else _told(found.verdict),
        "rule": RuleView.of(found.ruled_by) if in_full else None,
        "reason": found.reason,
        "message": MessageView.of(found.message),
        "state": standing.state,
        "state_in_words": _in_words(found.verdict, standing.state),
        "since": standing.since,
        "state_reason": standing.because or None,
        "missing": standing.missing if in_full else None,
        "proposal": msgspec.convert(found.proposal, ProposalView) if found.proposal else None,
        "answer_by": _answer_by(standing),
        "objections": ChannelView.of(objections_of(found)),
        "channel": _channel(found),
        "carried": msgspec.convert(found.carried, CarriedView) if found.carried else None,
        "carried_to": found.carried_to,
        "made_at": found.made_at,
        "version": found.version,
    }


def _in_words(verdict: Verdict, state: State) -> str:
    if state is State.READY and isinstance(verdict, SpecialMethod):
        return READY_AS_SPECIAL
    return IN_WORDS[state]


def _told(verdict: Verdict) -> Verdict:
    written = verdicts.write(verdict)
    return verdicts.of({name: value for name, value in written.items() if name not in OWN_AFFAIRS})


def _answer_by(standing: Standing) -> datetime | None:
    """Until when an answer counts, while one is waited for."""
    return standing.answer_by if standing.state is State.PROPOSED else None


def _channel(found: Arrangement) -> ChannelView | None:
    if not isinstance(found.verdict, Redirect):
        return None
    return ChannelView.of(found.verdict.channel, found.carried.get("link"))
