"""A version of a type as it is written in JSON: read with the place of every fault."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from service import forms
from service.errors import Fault, pointer_to
from service.people.domain import Role
from service.rationalization import checking
from service.rationalization.catalogue import fields
from service.rationalization.catalogue.domain import FiveS, Intake, Item, ItemKind, WorkStep
from service.rationalization.catalogue.errors import RequestTypeInvalid
from service.rationalization.verdicts import ApprovalGate, Gate
from service.rules.errors import OutcomeInvalid
from service.rules.vocabulary import RequestType

DOCUMENT_BYTES_MAX = 64 * 1024
FAULTS_MAX = 50
STEPS_MAX = 20
ITEMS_MAX = 30
TITLE_CHARACTERS_MAX = 200
DESCRIPTION_CHARACTERS_MAX = 2_000
CAN_BE_STANDARD = frozenset({RequestType.CHANGE, RequestType.PLAN_CHANGE})

Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_-]{0,63}$")]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=TITLE_CHARACTERS_MAX)]
Description = Annotated[str, msgspec.Meta(max_length=DESCRIPTION_CHARACTERS_MAX)]


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What a type may say, and no more."""


class ItemForm(_Form, frozen=True):
    """Something to look at in a step. `part` says which part of 5S, of the kind `5s`."""

    name: Name
    title: Title
    kind: Literal["5s", "conduct", "technical"] = "technical"
    part: FiveS | None = None
    obligatory: bool = True


class StepForm(_Form, frozen=True):
    """A step of the work. `role` or `group` says who does it."""

    name: Name
    title: Title
    role: Role | None = None
    group: Title | None = None
    items: Annotated[list[ItemForm], msgspec.Meta(max_length=ITEMS_MAX)] = []


class TypeForm(_Form, frozen=True):
    """What a version of a type says.

    Attributes:
        fields: a JSON Schema, of the subset that `fields` reads; without it whatever is said is taken.
        service: the name of the service that a request is for, if it names none.
        requires: what must be there before work starts, whatever the verdict.
        standard: whether a change of this type is approved beforehand.
        intake: what becomes of a request whose fields are not as asked.
    """

    title: Title
    description: Description = ""
    fields: dict[str, Any] | None = None
    steps: Annotated[list[StepForm], msgspec.Meta(max_length=STEPS_MAX)] = []
    service: Title | None = None
    requires: list[Gate] = []
    standard: bool = False
    intake: Intake = Intake.REFUSE

    @property
    def work(self) -> tuple[WorkStep, ...]:
        return tuple(
            WorkStep(
                name=step.name,
                title=step.title,
                role=None if step.role is None else step.role.value,
                group=step.group,
                items=tuple(map(_item, step.items)),
            )
            for step in self.steps
        )


def of(document: Mapping[str, Any]) -> TypeForm:
    """What was stored."""
    return msgspec.convert(document, TypeForm)


def read(document: Mapping[str, Any], family: RequestType) -> TypeForm:
    """Read what somebody wrote. Raises RequestTypeInvalid, with pointers into the document."""
    try:
        is_large = len(msgspec.json.encode(document)) > DOCUMENT_BYTES_MAX
        if is_large:
            too_large = f"A type has {DOCUMENT_BYTES_MAX:,} bytes at most; say it in fewer words or fields."
            raise RequestTypeInvalid([Fault("", too_large)])
        form = of(document)
    except msgspec.ValidationError as error:
        raise RequestTypeInvalid([forms.fault_of(error)]) from error
    found = [*_faults(form, family)]
    if found:
        raise RequestTypeInvalid(found[:FAULTS_MAX])
    return form


def _faults(form: TypeForm, family: RequestType) -> Iterator[Fault]:
    for name, text in (("title", form.title), ("service", form.service)):
        if text is not None and not (text.strip() and text.isprintable()):
            yield Fault(f"/{name}", "Write printable characters, and not blanks only.")
    if form.fields is not None:
        yield from fields.faults_of(form.fields, "/fields")
    yield from _faults_of_steps(form)
    yield from _faults_of_gates(form)
    if form.standard and family not in CAN_BE_STANDARD:
        yield Fault("/standard", "Only a change, or a change of plan, is standard; leave it out.")


def _faults_of_steps(form: TypeForm) -> Iterator[Fault]:
    steps = Counter(step.name for step in form.steps)
    items = Counter(item.name for step in form.steps for item in step.items)
    for at, step in enumerate(form.steps):
        place = pointer_to("/steps", at)
        if steps[step.name] > 1:
            yield Fault(f"{place}/name", f"Two steps are called `{step.name}`; call one otherwise.")
        if step.role is not None and step.group is not None:
            yield Fault(f"{place}/group", "A role or a group does a step; name one of them.")
        for number, item in enumerate(step.items):
            yield from _faults_of_item(item, pointer_to(f"{place}/items", number), times=items[item.name])


def _faults_of_item(item: ItemForm, place: str, *, times: int) -> Iterator[Fault]:
    if times > 1:
        yield Fault(f"{place}/name", f"Two items are called `{item.name}`; call one otherwise.")
    is_of_5s = item.kind == ItemKind.FIVE_S.value
    if is_of_5s and item.part is None:
        yield Fault(f"{place}/part", f"Say which part of 5S: {', '.join(FiveS)}.")
    if not is_of_5s and item.part is not None:
        yield Fault(f"{place}/part", "Only an item of the kind `5s` is a part of it; leave it out.")


def _faults_of_gates(form: TypeForm) -> Iterator[Fault]:
    try:
        checking.read({"verdict": "accept", "requires": msgspec.to_builtins(form.requires)})
    except OutcomeInvalid as error:
        yield from error.faults
    for at, gate in enumerate(form.requires):
        if form.standard and isinstance(gate, ApprovalGate):
            message = "A standard change is approved beforehand; leave the approval out, or `standard`."
            yield Fault(pointer_to("/requires", at), message)


def _item(form: ItemForm) -> Item:
    return Item(
        name=form.name,
        title=form.title,
        kind=ItemKind(form.kind),
        part=form.part,
        obligatory=form.obligatory,
    )
