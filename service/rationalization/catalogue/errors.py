"""Expected failures of the catalogue of request types."""

from collections.abc import Sequence
from uuid import UUID

from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound


class RequestTypeNotFound(NotFound):
    """There is no such type of request, or no such version of it, for this caller."""

    code = "request-type-not-found"

    def __init__(self, type_id: UUID | str, version: int | None = None) -> None:
        or_version = "" if version is None else f", or has no version {version}"
        super().__init__(f"Request type {type_id} does not exist{or_version}.")


class RequestTypeNameTaken(Conflict):
    """Another type of request of the tenant has this name already."""

    code = "request-type-name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"A request type {name!r} exists already; add a version to it, or choose another name."
        )


class RequestTypeInvalid(Invalid):
    """A type of request cannot be used as it stands. Each entry of `errors` points at a place."""

    code = "request-type-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The request type cannot be used as it stands.", faults=faults)


_WAYS_ON = {
    "draft": "submit it for approval first",
    "in_review": "another admin or manager approves or returns it first",
    "approved": "publish it, or have it returned",
    "published": "write a further version, or retire the type",
    "retired": "write a further version",
}


class RequestTypeStepOutOfTurn(Conflict):
    """The version is in another stage of its life than this takes."""

    code = "request-type-step-out-of-turn"

    def __init__(self, version: int, *, stage: str, step: str) -> None:
        told = stage.replace("_", " ")
        super().__init__(f"Version {version} is {told} and cannot be {step}; {_WAYS_ON[stage]}.")


class RequestTypeMemberNeeded(Forbidden):
    """Only a member does this, not an application that acts by itself."""

    code = "request-type-member-needed"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} takes a member, who is an admin or a manager; log in as one.")


class RequestTypeApproverInvolved(Forbidden):
    """Who wrote a version, or submitted it, does not approve it."""

    code = "request-type-approver-involved"

    def __init__(self) -> None:
        super().__init__(
            "You wrote or submitted this version; another admin or manager approves or returns it."
        )


class RequestTypeNotOffered(Conflict):
    """The type has no version in effect that could be retired."""

    code = "request-type-not-offered"

    def __init__(self, name: str) -> None:
        super().__init__(f"No version of the request type {name!r} is in effect; there is nothing to retire.")


class TemplateUnknown(NotFound):
    """No template of this name is shipped."""

    code = "request-type-template-unknown"

    def __init__(self, name: str) -> None:
        super().__init__(f"No template {name!r} is shipped; GET /v1/request-types/templates lists them.")


class ChecklistNoteInvalid(Invalid):
    """This cannot be noted of an item. Each entry of `errors` says why."""

    code = "checklist-note-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This cannot be noted of the item.", faults=faults)


class ChecklistItemNotFound(NotFound):
    """The request's type has no such item in its checklists, or the request has no type of the catalogue."""

    code = "checklist-item-not-found"

    def __init__(self, item: str) -> None:
        super().__init__(f"The request has no checklist item {item!r}.")


class ChecklistNotesTooMany(Conflict):
    """So much was noted of the item that nothing more can be. What was noted last holds."""

    code = "checklist-notes-too-many"

    def __init__(self, item: str, most: int) -> None:
        super().__init__(f"Of the checklist item {item!r} {most} notes are kept, and no more.")
