"""A ladder as it is written in JSON: read with the place of every fault, and written always in one way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from service import forms, ids
from service.commitments.domain.marks import SHARE_MAX, Anchor, Mark
from service.commitments.domain.terms import SPAN_MAX
from service.errors import Fault, pointer_to
from service.escalations.ladders.domain import (
    REPEATS_MAX,
    STEPS_MAX,
    TARGETS_MAX,
    Channel,
    Definition,
    Maintenance,
    Reassign,
    Step,
    Target,
    ToContact,
    ToGroup,
    ToManager,
    ToMember,
    ToOwner,
    ToRole,
    ToRota,
    ToSkill,
    ToWebhook,
    Who,
)
from service.ids import EndpointId, MemberId
from service.names import NAME_CHARACTERS_MAX
from service.people.domain import Role

REPEAT_SECONDS_MIN = 60
"""What is told more often than that is told to nobody."""

_SPAN_SECONDS_MAX = int(SPAN_MAX.total_seconds())

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARACTERS_MAX)]
Seconds = Annotated[int, msgspec.Meta(ge=-_SPAN_SECONDS_MAX, le=_SPAN_SECONDS_MAX)]


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a ladder may say, and no more."""


class At(_Form, frozen=True, kw_only=True):
    """When a step is told: so long after an anchor, or before it. `share` says how much is `used`."""

    anchor: Anchor
    share: Annotated[float, msgspec.Meta(ge=0, le=SHARE_MAX)] | None = None
    after_seconds: Seconds = 0
    working: bool = False


class Tell(_Form, frozen=True, kw_only=True):
    """Whom a step tells: exactly one of the keys before `channel`."""

    member: Name | None = None
    role: Role | None = None
    group: Name | None = None
    rota: Name | None = None
    skill: Name | None = None
    owner: Literal[True] | None = None
    manager: Literal[True] | None = None
    contact: Literal[True] | None = None
    webhook: UUID | None = None
    reassign: Name | None = None
    channel: Channel = Channel.WEBHOOK
    hours: Name | None = None


class Repeat(_Form, frozen=True, kw_only=True):
    """How soon a step is told again, and how often at most."""

    every_seconds: Annotated[int, msgspec.Meta(ge=REPEAT_SECONDS_MIN, le=_SPAN_SECONDS_MAX)]
    times: Annotated[int, msgspec.Meta(ge=1, le=REPEATS_MAX)]


class StepForm(_Form, frozen=True, kw_only=True):
    name: Name
    at: At
    tell: Annotated[list[Tell], msgspec.Meta(min_length=1, max_length=TARGETS_MAX)]
    only_first: bool = False
    repeat: Repeat | None = None


class LadderForm(_Form, frozen=True, kw_only=True):
    """A ladder as it is written. Its steps need not stand in the order of time."""

    steps: Annotated[list[StepForm], msgspec.Meta(min_length=1, max_length=STEPS_MAX)]
    acknowledged_for_seconds: (
        Annotated[int, msgspec.Meta(ge=REPEAT_SECONDS_MIN, le=_SPAN_SECONDS_MAX)] | None
    ) = None
    maintenance: Maintenance = Maintenance.HOLD
    manager_step: Name | None = None


WHO = ("member", "role", "group", "rota", "skill", "owner", "manager", "contact", "webhook", "reassign")
"""The keys of which a target has one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Something that a ladder names, and where.

    Attributes:
        key: `member`, `group`, `rota`, `webhook` or `hours`; a `reassign` names a group.
    """

    key: str
    name: str
    pointer: str


def read(raw: object) -> tuple[LadderForm | None, list[Fault]]:
    """The form of a ladder, with all that is wrong in it; no form where it cannot be read at all."""
    try:
        form = msgspec.convert(raw, LadderForm)
    except msgspec.ValidationError as error:
        return None, [forms.fault_of(error)]
    return form, list(_faults(form))


def places(form: LadderForm) -> list[Place]:
    """All that a ladder names and that must be there."""
    found: list[Place] = []
    for pointer, tell in _tells(form):
        for key in ("member", "group", "rota", "webhook", "reassign", "hours"):
            name = getattr(tell, key)
            if name is not None:
                found.append(
                    Place("group" if key == "reassign" else key, str(name), pointer_to(pointer, key))
                )
    return found


def definition(form: LadderForm, members: Mapping[str, MemberId]) -> Definition:
    """What is climbed.

    Args:
        form: without faults.
        members: the ids of the members that it names, by how it names them.
    """
    lasts = form.acknowledged_for_seconds
    return Definition(
        steps=tuple(_step(step, members) for step in form.steps),
        acknowledged_for=None if lasts is None else timedelta(seconds=lasts),
        maintenance=form.maintenance,
        manager_step=form.manager_step,
    )


def document(definition: Definition) -> dict[str, Any]:
    """A ladder as it is kept and shown: always the same for the same ladder, its members by their ids."""
    lasts = definition.acknowledged_for
    form = LadderForm(
        steps=[_step_form(step) for step in definition.steps],
        acknowledged_for_seconds=None if lasts is None else _seconds(lasts),
        maintenance=definition.maintenance,
        manager_step=definition.manager_step,
    )
    return msgspec.to_builtins(form)


def from_document(written: Mapping[str, Any]) -> Definition:
    """What `document` wrote."""
    form = msgspec.convert(written, LadderForm)
    named = (tell.member for _, tell in _tells(form) if tell.member is not None)
    return definition(form, {name: MemberId(ids.read_id(name)) for name in named})


def _faults(form: LadderForm) -> Iterator[Fault]:
    names = [step.name for step in form.steps]
    for index, step in enumerate(form.steps):
        place = pointer_to("/steps", index)
        if not step.name.strip() or not step.name.isprintable():
            yield Fault(f"{place}/name", "A step's name has 1 to 200 printable characters.")
        if step.name in names[:index]:
            yield Fault(f"{place}/name", f"Two steps are called {step.name!r}. Give each a name of its own.")
        yield from _faults_of_instant(step.at, f"{place}/at")
        yield from _faults_of_targets(step.tell, f"{place}/tell")
    if form.manager_step is not None and form.manager_step not in names:
        known = ", ".join(map(repr, names))
        yield Fault("/manager_step", f"There is no step {form.manager_step!r}; these are: {known}.")


def _faults_of_instant(at: At, place: str) -> Iterator[Fault]:
    if at.anchor is Anchor.USED and at.share is None:
        yield Fault(f"{place}/share", "Say how much is used: 0.75 is three quarters of the target.")
    if at.anchor is not Anchor.USED and at.share is not None:
        yield Fault(f"{place}/share", 'A share goes with the anchor "used" only. Leave it out.')
    if at.anchor is Anchor.BREACH and at.after_seconds < 0:
        remedy = 'Hang it on "due": before it is broken nobody knows that a promise will be.'
        yield Fault(f"{place}/after_seconds", f"Nothing can be told before the breach. {remedy}")
    if at.anchor is Anchor.START and at.after_seconds < 0:
        yield Fault(f"{place}/after_seconds", "Nothing can be told before the start. Leave it out, or say 0.")


def _faults_of_targets(tells: Sequence[Tell], place: str) -> Iterator[Fault]:
    told: list[dict[str, object]] = []
    for index, tell in enumerate(tells):
        who = {key: getattr(tell, key) for key in WHO if getattr(tell, key) is not None}
        if len(who) != 1:
            has = "none of these" if not who else f"{len(who)} of them"
            remedy = f"A target has one of {', '.join(WHO)}"
            yield Fault(pointer_to(place, index), f"{remedy}; this has {has}.")
        elif who in told:
            yield Fault(pointer_to(place, index), "The step tells this already. Leave one of them out.")
        told.append(who)


def _tells(form: LadderForm) -> Iterator[tuple[str, Tell]]:
    for number, step in enumerate(form.steps):
        for index, tell in enumerate(step.tell):
            yield pointer_to("/steps", number, "tell", index), tell


def _step(form: StepForm, members: Mapping[str, MemberId]) -> Step:
    at = Mark(
        anchor=form.at.anchor,
        after=timedelta(seconds=form.at.after_seconds),
        share=form.at.share,
        working=form.at.working,
    )
    return Step(
        name=form.name,
        at=at,
        targets=tuple(
            Target(who=_who(tell, members), channel=tell.channel, hours=tell.hours) for tell in form.tell
        ),
        only_first=form.only_first,
        repeat_every=None if form.repeat is None else timedelta(seconds=form.repeat.every_seconds),
        repeats_max=0 if form.repeat is None else form.repeat.times,
    )


def _who(tell: Tell, members: Mapping[str, MemberId]) -> Who:
    match tell:
        case Tell(member=str(member)):
            return ToMember(members[member])
        case Tell(role=Role() as role):
            return ToRole(role.value)
        case Tell(group=str(group)):
            return ToGroup(group)
        case Tell(rota=str(rota)):
            return ToRota(rota)
        case Tell(skill=str(skill)):
            return ToSkill(skill)
        case _:
            return _who_of_request(tell)


def _who_of_request(tell: Tell) -> Who:
    match tell:
        case Tell(owner=True):
            return ToOwner()
        case Tell(manager=True):
            return ToManager()
        case Tell(contact=True):
            return ToContact()
        case Tell(webhook=UUID() as webhook):
            return ToWebhook(EndpointId(webhook))
        case Tell(reassign=str(group)):
            return Reassign(group)
        case _:
            raise ValueError("a target that tells nobody")


def _step_form(step: Step) -> StepForm:
    at = At(
        anchor=step.at.anchor,
        share=step.at.share,
        after_seconds=_seconds(step.at.after),
        working=step.at.working,
    )
    repeat = None
    if step.repeat_every is not None:
        repeat = Repeat(every_seconds=_seconds(step.repeat_every), times=step.repeats_max)
    return StepForm(
        name=step.name,
        at=at,
        tell=[_tell(target) for target in step.targets],
        only_first=step.only_first,
        repeat=repeat,
    )


def _tell(target: Target) -> Tell:
    return Tell(**_said(target.who), channel=target.channel, hours=target.hours)


def _said(who: Who) -> dict[str, Any]:
    match who:
        case ToMember(member_id):
            return {"member": str(member_id)}
        case ToRole(role):
            return {"role": Role(role)}
        case ToGroup(group):
            return {"group": group}
        case ToRota(rota):
            return {"rota": rota}
        case ToSkill(skill):
            return {"skill": skill}
        case _:
            return _said_of_request(who)


def _said_of_request(who: ToOwner | ToManager | ToContact | ToWebhook | Reassign) -> dict[str, Any]:
    match who:
        case ToOwner():
            return {"owner": True}
        case ToManager():
            return {"manager": True}
        case ToContact():
            return {"contact": True}
        case ToWebhook(endpoint_id):
            return {"webhook": endpoint_id}
        case Reassign(group):
            return {"reassign": group}


def _seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)
