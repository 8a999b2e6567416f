"""What HTTP accepts about requests: a demand, and reports of what happened to it."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from service.api.fields import Moment, Name
from service.ids import RequestId
from service.requests.domain import EventType, State
from service.requests.intake import Report, Submission
from service.rules.vocabulary import RequestType

Title = Annotated[str, msgspec.Meta(max_length=500)]
Cause = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]
Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**53)]

FACTS = "Facts by name, such as priority, impact, urgency, category; your own go under custom."


TypeName = Annotated[
    str,
    msgspec.Meta(
        pattern="^[a-z][a-z0-9_-]{0,63}$",
        description=f"One of {', '.join(RequestType)}, or the name of a type of your own catalogue.",
    ),
]


class _Demand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is said of a demand but its type."""

    source: Annotated[Name, msgspec.Meta(description="The ticket system it comes from.")]
    external_id: Annotated[Name, msgspec.Meta(description="What that system calls it.")]
    title: Title | None = None
    occurred_at: Annotated[
        Moment | None, msgspec.Meta(description="When it was opened; now when left out.")
    ] = None
    sequence: Sequence = 0
    state: State = State.OPEN
    facts: Annotated[dict[str, Any], msgspec.Meta(description=FACTS)] = {}
    client: Name | None = None
    service: Name | None = None
    requester: Annotated[
        Name | None,
        msgspec.Meta(description="The contact who asks, of the same client: its id or its external_id."),
    ] = None


class PastRequest(_Demand, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A demand of the past, as its ticket system knew it."""

    type: RequestType


class SubmitRequest(_Demand, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An incoming demand, as its ticket system knows it."""

    type: TypeName

    def submission(self, now: datetime) -> Submission:
        return Submission(
            source=self.source,
            external_id=self.external_id,
            type=self.type,
            title=self.title,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            state=self.state,
            facts=self.facts,
            client=self.client,
            service=self.service,
            requester=self.requester,
        )


class _Reported(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What every report says.

    `sequence` is the source's own counter: it orders what happened at the same instant.
    """

    occurred_at: Moment | None = None
    sequence: Sequence = 0


class Changed(_Reported, frozen=True, tag="changed"):
    """Its state or its facts changed; a fact that is null goes away."""

    state: State | None = None
    facts: Annotated[dict[str, Any] | None, msgspec.Meta(description=FACTS)] = None

    def report(self, now: datetime) -> Report:
        return Report(
            type=EventType.CHANGED,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            state=self.state,
            facts=self.facts,
        )


class Replied(_Reported, frozen=True, tag="replied"):
    """Somebody answered: an agent's reply fulfils a promise to respond."""

    by: Literal["agent", "requester"]

    def report(self, now: datetime) -> Report:
        return Report(
            type=EventType.REPLIED,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            by=self.by,
        )


class Paused(_Reported, frozen=True, tag="paused"):
    """Work waits for somebody. Promises whose terms name the cause stand still meanwhile."""

    cause: Cause
    party: Cause = "requester"

    def report(self, now: datetime) -> Report:
        return Report(
            type=EventType.PAUSED,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            cause=self.cause,
            party=self.party,
        )


class Resumed(_Reported, frozen=True, tag="resumed"):
    """The waiting is over; without a cause, all waiting is."""

    cause: Cause | None = None

    def report(self, now: datetime) -> Report:
        return Report(
            type=EventType.RESUMED,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            cause=self.cause,
        )


class Done(_Reported, frozen=True, tag="done"):
    """Something that was promised is done: it fulfils what names this deed in `fulfilled_by`."""

    deed: Annotated[
        str,
        msgspec.Meta(
            pattern="^(?!(reply|resolved|closed|done)$)[a-z][a-z0-9_]{0,63}$",
            description="Such as `delivered`, `visited`, or a name of your own.",
        ),
    ]

    def report(self, now: datetime) -> Report:
        return Report(
            type=EventType.DONE,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            deed=self.deed,
        )


class Merged(_Reported, frozen=True, tag="merged"):
    """Another request goes on in its place: this one is over, and what is open of it is cancelled."""

    into: RequestId

    def report(self, now: datetime) -> Report:
        return Report(
            type=EventType.MERGED,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            into=self.into,
        )


class Noted(_Reported, frozen=True, tag="noted"):
    """Something happened that changes no promise."""

    def report(self, now: datetime) -> Report:
        return Report(type=EventType.NOTED, occurred_at=self.occurred_at or now, sequence=self.sequence)


Reported = Changed | Replied | Paused | Resumed | Done | Merged | Noted
