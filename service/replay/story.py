"""One promise, told from beginning to end: what was promised and why, how its time went, how it ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.replay import picture
from service.replay.picture import Interval, Mark


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the policy, and what it said; `result` is true, false or an error's text."""

    id: str
    when: str
    because: str
    counts: bool
    result: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the API says of one promise and its request."""

    case: str
    group: str
    metric: str
    started_at: datetime
    due_at: datetime | None
    broken_at: datetime | None
    fulfilled_at: datetime | None
    intervals: Sequence[Interval]
    rules: Sequence[Rule]


RULES_SHOWN = 8


def told(story: Story) -> list[str]:
    """The lines; those that are not texts of the tenant fit into 80 columns."""
    return [
        f"{story.case}, {story.group}: the promise to {story.metric} was {_ending(story)}.",
        "",
        *_decision(story),
        "",
        *picture.drawn(story.intervals, _marks(story), due_at=story.due_at),
        f"{'':{picture.LABEL_WIDTH}}  {picture.LEGEND}",
        "",
        *_words(story),
    ]


def _ending(story: Story) -> str:
    if story.broken_at is None:
        return "kept" if story.fulfilled_at else "not due yet"
    return "broken" if story.fulfilled_at else "broken, and is open still"


def _decision(story: Story) -> Iterator[str]:
    for rule in story.rules:
        if rule.counts:
            yield f"Decided by rule {rule.id}: {rule.when}"
            yield f"because: {rule.because}"
    others = [rule for rule in story.rules if not rule.counts][:RULES_SHOWN]
    for rule in others:
        yield f"  not by rule {rule.id}: {rule.when} is {_shown(rule.result)}"


def _shown(result: object) -> str:
    return str(result).lower() if isinstance(result, bool) else str(result)


def _marks(story: Story) -> list[Mark]:
    instants = [("opened", story.started_at), ("due", story.due_at), ("closed", story.fulfilled_at)]
    return [Mark(at, text) for text, at in instants if at is not None]


def _words(story: Story) -> Iterator[str]:
    yield f"The clock started {_moment(story.started_at)}."
    for kind, words in (("closed", "outside working time"), ("paused", "paused")):
        spans = [interval for interval in story.intervals if interval.kind == kind]
        if spans:
            total = sum((interval.end - interval.start for interval in spans), timedelta(0))
            yield f"It stood still {_times(len(spans))}, {picture.in_words(total)} in all, {words}."
    if story.due_at is None:
        return
    counted = picture.counted_after(story.intervals, story.started_at)
    late = picture.counted_after(story.intervals, story.due_at)
    yield f"It was due {_moment(story.due_at)},"
    yield f"after {picture.in_words(counted - late)} of working time."
    if story.broken_at is None:
        return
    yield "Nothing had fulfilled it by then, so it was broken, and it stays so."
    if story.fulfilled_at is not None:
        elapsed = story.fulfilled_at - story.due_at
        working = "all of it" if late == elapsed else f"{picture.in_words(late)} of it"
        yield f"It was fulfilled {_moment(story.fulfilled_at)}:"
        yield f"{picture.in_words(elapsed)} too late, {working} working time."


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _moment(at: datetime) -> str:
    return f"{at:%A %-d %B %Y} at {at:%H:%M} UTC"
