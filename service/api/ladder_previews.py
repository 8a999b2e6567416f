"""What HTTP shows of what a ladder would tell."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

import msgspec

from service.escalations.ladders import wording
from service.escalations.ladders.domain import (
    Channel,
    Client,
    Endpoint,
    Member,
    Reassignment,
    Recipient,
    SkipCause,
    Target,
    ToRota,
)
from service.escalations.previews.domain import Told, Uncovered, Untold
from service.escalations.previews.service import Preview
from service.ids import ClientId, ContactId, EndpointId, MemberId


class RecipientView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One who would be told: a member, the client, an endpoint, or a group that gets the request.

    `local_at` is the time in `zone`: that of the rota, else of the target's hours, else of the calendar that
    the promise counts by.
    """

    target: int
    by: str
    channel: Channel
    local_at: datetime
    zone: str
    member_id: MemberId | None = None
    name: str | None = None
    client_id: ClientId | None = None
    contact_id: ContactId | None = None
    endpoint_id: EndpointId | None = None
    reassigned_to: str | None = None


class PassedByView(msgspec.Struct, frozen=True):
    """A target that is passed by, so that the next one bridges it."""

    target: int
    by: str
    cause: SkipCause


class TellingView(msgspec.Struct, frozen=True, kw_only=True):
    """A step that would be told; without recipients nobody would be, and the step above is told at once.

    Whoever a higher step tells at the same instant is `told_already`.
    """

    at: datetime
    step: str
    repeat: int
    recipients: list[RecipientView]
    passed_by: list[PassedByView]


class UncoveredView(msgspec.Struct, frozen=True, kw_only=True):
    """Time in which nobody is on duty by a rota; `steps` tell nobody else."""

    rota: str
    start: datetime
    end: datetime
    zone: str
    reason: str
    steps: list[str]


class UntoldView(msgspec.Struct, frozen=True):
    """A step that is not told within what was looked at; `at` is null where nobody can say when it is."""

    step: str
    at: datetime | None


class LadderPreview(msgspec.Struct, frozen=True, kw_only=True):
    """Who would be told, when and by what, if nobody acknowledged; `timeline` says the same in lines to read.

    `cut_at` is set where more would be told from then on than is shown.
    """

    since: datetime = msgspec.field(name="from")
    until: datetime
    due_at: datetime | None
    timeline: list[str]
    tellings: list[TellingView]
    gaps: list[UncoveredView]
    untold: list[UntoldView]
    cut_at: datetime | None

    @classmethod
    def of(cls, preview: Preview) -> "LadderPreview":
        foreseen = preview.foreseen
        return cls(
            since=preview.since,
            until=preview.until,
            due_at=preview.due_at,
            timeline=list(_timeline(preview)),
            tellings=[_telling(preview, told) for told in foreseen.told],
            gaps=[_uncovered(preview, each) for each in foreseen.uncovered],
            untold=[_untold(preview, each) for each in foreseen.untold],
            cut_at=foreseen.cut_at,
        )


def _telling(preview: Preview, told: Told) -> TellingView:
    step = preview.definition.steps[told.step]
    return TellingView(
        at=told.at,
        step=step.name,
        repeat=told.repeat,
        recipients=[_recipient(preview, each, step.targets, told.at) for each in told.resolution.recipients],
        passed_by=[
            PassedByView(each.target, wording.target(step.targets[each.target].who), each.cause)
            for each in told.resolution.skipped
        ],
    )


def _recipient(preview: Preview, told: Recipient, targets: tuple[Target, ...], at: datetime) -> RecipientView:
    target = targets[told.target]
    zone = _zone(preview, target)
    view = RecipientView(
        target=told.target,
        by=wording.target(target.who),
        channel=told.channel,
        local_at=at.astimezone(zone),
        zone=str(zone),
    )
    match told.whom:
        case Member(id=member_id, name=name):
            return msgspec.structs.replace(view, member_id=member_id, name=name)
        case Client(id=client_id, contact_id=contact_id):
            return msgspec.structs.replace(view, client_id=client_id, contact_id=contact_id)
        case Endpoint(id=endpoint_id):
            return msgspec.structs.replace(view, endpoint_id=endpoint_id)
        case Reassignment(group=group):
            return msgspec.structs.replace(view, reassigned_to=group)


def _uncovered(preview: Preview, each: Uncovered) -> UncoveredView:
    zone = preview.rotas[each.rota].zone
    return UncoveredView(
        rota=each.rota,
        start=each.start,
        end=each.end,
        zone=str(zone),
        reason=f"nobody on duty {wording.stretch(each.start, each.end, zone)}",
        steps=[preview.definition.steps[step].name for step in each.steps],
    )


def _untold(preview: Preview, each: Untold) -> UntoldView:
    return UntoldView(preview.definition.steps[each.step].name, each.at)


def _zone(preview: Preview, target: Target) -> tzinfo:
    """The zone that a target's time is shown in."""
    match target.who:
        case ToRota(rota) if rota in preview.rotas:
            return preview.rotas[rota].zone
        case _:
            pass
    if target.hours is not None and target.hours in preview.hours:
        return preview.hours[target.hours].zone
    return UTC if preview.calendar is None else preview.calendar.zone


def _timeline(preview: Preview) -> Iterator[str]:
    """Lines to read, all on one clock: that of the first rota that the ladder names, if any."""
    targets = [target for step in preview.definition.steps for target in step.targets]
    by_rota = [target for target in targets if isinstance(target.who, ToRota)]
    zone = _zone(preview, (by_rota or targets)[0])
    for told in preview.foreseen.told:
        step = preview.definition.steps[told.step]
        people = [wording.recipient(each, step.targets) for each in told.resolution.recipients]
        passed = [wording.skipped(each, step.targets) for each in told.resolution.skipped]
        again = f", repeat {told.repeat}" if told.repeat else ""
        aside = f"; passed by {', '.join(passed)}" if passed else ""
        is_told = any(each.cause is SkipCause.TOLD_ALREADY for each in told.resolution.skipped)
        whom = ", ".join(people) or ("nobody else" if is_told else "NOBODY")
        yield f"{wording.moment(told.at, zone)} {zone}  {step.name}{again}: {whom}{aside}"
