"""Requests of the past as hypothesis makes them, and what is counted of them, by the plainest of means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st

from service.ids import ClientId, ContactId, RequestId, ServiceId
from service.requests.domain import Request, State
from service.requests.history import Likeness, likeness_of
from service.rules.vocabulary import RequestType
from tests.factories import NOON

CLIENTS, SERVICES, CONTACTS = ([UUID(int=kind << 8 | number) for number in (1, 2)] for kind in range(1, 4))
TEXTS = ("disk", "mail")
SPANS = [timedelta(hours=hours) for hours in (1, 24, 7 * 24, 30 * 24, 90 * 24, 365 * 24)]
SECOND = timedelta(seconds=1)
COUNT_MAX = 10_000
"""No count goes further: what is more is told as this many."""
REVIEWS_MIN = 5
"""Of fewer changes that were reviewed no share is told."""


@dataclass(frozen=True, slots=True)
class End:
    """How a promise ended: kept or broken, and whether the breach was recorded wrongly."""

    at: datetime
    is_broken: bool
    is_corrected: bool = False


@dataclass(frozen=True, slots=True)
class Mishap:
    """An accident of a service: whether the request's work was its cause, and whether it was one at all."""

    service: UUID
    at: datetime
    is_of_request: bool = False
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What was found of the request's work, in the order of these."""

    at: datetime
    is_success: bool
    is_change: bool = True


@dataclass(frozen=True, slots=True)
class Past:
    """A request of the past: as it was received, how it is now, its promises, and what came of its work."""

    received: Request
    request: Request
    ends: tuple[End, ...]
    mishaps: tuple[Mishap, ...] = ()
    reviews: tuple[Reviewed, ...] = ()

    @property
    def likeness(self) -> Likeness:
        return likeness_of(self.request)

    @property
    def received_at(self) -> datetime:
        return self.request.received_at


AGES = st.one_of(
    st.sampled_from(
        [timedelta(0), *(span + shift for span in SPANS for shift in (-SECOND, 0 * SECOND, SECOND))]
    ),
    st.timedeltas(timedelta(0), timedelta(days=40)),
    st.timedeltas(timedelta(0), timedelta(days=400)),
)
"""How long ago something was: at the edges of the windows above all."""
INSTANTS = AGES.map(lambda age: NOON - age)
NAMES = st.one_of(st.none(), st.sampled_from(TEXTS))
ENDS = st.builds(End, INSTANTS, st.booleans(), st.booleans())
MISHAPS = st.builds(Mishap, st.sampled_from(SERVICES), INSTANTS, st.booleans(), st.booleans())
REVIEWS = st.lists(st.builds(Reviewed, INSTANTS, st.booleans(), st.booleans()), max_size=3).map(
    lambda found: tuple(sorted(found, key=lambda review: review.at))
)


@st.composite
def _past(draw: st.DrawFn, number: int) -> Past:
    received = requested(
        number,
        client=draw(st.sampled_from([None, *CLIENTS])),
        service=draw(st.sampled_from([None, *SERVICES])),
        contact=draw(st.sampled_from([None, *CONTACTS])),
        facts=draw(st.fixed_dictionaries({"category": NAMES, "requester": NAMES})),
        received_at=draw(INSTANTS),
    )
    facts = draw(
        st.one_of(st.just(received.facts), st.fixed_dictionaries({"category": NAMES, "requester": NAMES}))
    )
    now = replace(received, facts=_present(facts), state=draw(st.sampled_from(State)))
    return Past(
        received,
        now,
        tuple(draw(st.lists(ENDS, max_size=3))),
        tuple(draw(st.lists(MISHAPS, max_size=2))),
        draw(REVIEWS),
    )


PASTS = st.integers(1, 8).flatmap(lambda count: st.tuples(*(_past(number) for number in range(1, count + 1))))


def requested(
    number: int,
    *,
    client: UUID | None = None,
    service: UUID | None = None,
    contact: UUID | None = None,
    facts: Mapping[str, str | None] | None = None,
    received_at: datetime = NOON,
) -> Request:
    """A request without anything decided."""
    return Request(
        id=RequestId(UUID(int=number)),
        client_id=None if client is None else ClientId(client),
        service_id=None if service is None else ServiceId(service),
        source_client_id=None,
        contact_id=None if contact is None else ContactId(contact),
        source="desk",
        external_id=str(number),
        type=RequestType.INCIDENT,
        title=None,
        state=State.OPEN,
        facts=_present(facts or {}),
        opened_at=received_at,
        received_at=received_at,
        sequence=1,
    )


def counted(pasts: Sequence[Past], request: Request, now: datetime) -> dict[str, object]:
    """The facts of history for a request, straight from their definitions."""
    like = likeness_of(request)
    others = [past for past in pasts if past.request.id != request.id]

    def is_within(at: datetime, hours: int) -> bool:
        return now - timedelta(hours=hours) < at <= now

    def received(hours: int, *names: str) -> int:
        return min(
            COUNT_MAX,
            sum(_alike(past.likeness, like, names) and is_within(past.received_at, hours) for past in others),
        )

    def are_open(name: str) -> int:
        return sum(
            _alike(past.likeness, like, (name,)) and past.request.state is State.OPEN for past in others
        )

    def ended(name: str, *, is_broken: bool) -> int:
        return sum(
            end.is_broken == is_broken and not (is_broken and end.is_corrected) and is_within(end.at, 720)
            for past in others
            if _alike(past.likeness, like, (name,))
            for end in past.ends
        )

    kept, broken = ended("client", is_broken=False), ended("client", is_broken=True)
    requester = 0
    if like.requester is not None:
        requester = sum(
            past.likeness.requester == like.requester
            and past.likeness.client == like.client
            and is_within(past.received_at, 7 * 24)
            for past in others
        )
    found: dict[str, object] = {
        "history.same_service_1h": received(1, "service"),
        "history.same_service_24h": received(24, "service"),
        "history.same_client_24h": received(24, "client"),
        "history.same_requester_7d": requester,
        "history.same_category_24h": received(24, "category"),
        "client.open_requests": are_open("client"),
        "client.requests_30d": received(720, "client"),
        "client.breaches_30d": broken,
        "service.open_requests": are_open("service"),
        "service.breaches_30d": ended("service", is_broken=True),
    }
    found |= {"client.kept_share_30d": kept / (kept + broken)} if kept + broken else {}
    return found | _accidents(pasts, request, now) | _successes(others, like, now)


def _accidents(pasts: Sequence[Past], request: Request, now: datetime) -> dict[str, object]:
    """Those of the service that began in 90 days, but for what the request itself caused."""
    found = [
        mishap
        for past in pasts
        for mishap in past.mishaps
        if mishap.service == request.service_id and not mishap.is_withdrawn
        if not (mishap.is_of_request and past.request.id == request.id)
        if now - timedelta(days=90) < mishap.at <= now
    ]
    return {"service.accidents_90d": len(found)}


def _successes(others: Sequence[Past], like: Likeness, now: datetime) -> dict[str, object]:
    """Of each change what was found last, if that was in 365 days."""
    last: list[Reviewed] = []
    for past in others:
        done = [review for review in past.reviews if review.at <= now]
        if done and like.service in {None, past.likeness.service}:
            last.append(done[-1])
    counted = [each for each in last if each.is_change and each.at > now - timedelta(days=365)]
    told: dict[str, object] = {"change.reviews_365d": len(counted)}
    if len(counted) >= REVIEWS_MIN:
        told["change.success_rate"] = sum(each.is_success for each in counted) / len(counted)
    return told


def _alike(one: Likeness, other: Likeness, names: Sequence[str]) -> bool:
    return all(
        getattr(one, name) is not None and getattr(one, name) == getattr(other, name) for name in names
    )


def _present(facts: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in facts.items() if value is not None}
