"""What the operations on types of request take, and what they show."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from service.api import conditional
from service.api.fields import Name
from service.ids import RequestId, RequestTypeId, RequestTypeVersionId
from service.rationalization.catalogue.comparing import Difference
from service.rationalization.catalogue.domain import Intake, TypeDraft
from service.rationalization.catalogue.models import OwnType
from service.rationalization.catalogue.proposals import Proven
from service.rationalization.catalogue.service import Lived, Shown
from service.rationalization.catalogue.templates import Clause, Template
from service.rules.lifecycle import Basis, Stage, Step, Taken
from service.rules.vocabulary import RequestType

Number = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
"""Of a version."""
Note = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
TypeName = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        description="What requests name it by: lower-case letters, digits, underscores and hyphens.",
    ),
]
Document = Annotated[dict[str, Any], msgspec.Meta(description="See docs/guides/request-types.md.")]


class CreateRequestType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A type with its first version, which is a draft until it is published."""

    name: TypeName
    family: Annotated[RequestType, msgspec.Meta(description="What policies take its requests for.")]
    document: Document

    def draft(self) -> TypeDraft:
        return TypeDraft(name=self.name, family=self.family, document=self.document)


class ReviseRequestType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A further version, which is a draft until it is published."""

    document: Document


class SubmitRequestType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version is to be approved, the newest when left out, and what the approver should know."""

    version: Number | None = None
    note: Note | None = None


class ApproveRequestType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version that was looked at: a further one may have been written meanwhile."""

    version: Number
    note: Note | None = None


class ReturnRequestType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version that was looked at, and what is to be mended."""

    version: Number
    note: Note


class PublishRequestType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version takes effect, the newest when left out."""

    version: Number | None = None


class RetireRequestType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the type is to be offered no more."""

    note: Note | None = None


class TakeTemplate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which template a type is to be made from, and what it is called: as the template when left out."""

    template: Name
    name: TypeName | None = None


class ProposeStandardChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes that were done, from which a change approved beforehand is to be made."""

    name: TypeName
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    requests: Annotated[list[RequestId], msgspec.Meta(min_length=1, max_length=20)]


class RequestTypeView(msgspec.Struct, frozen=True, kw_only=True):
    """A type of request. `stage` is that of its newest version; `title` and what follows is what it says."""

    id: RequestTypeId
    name: str
    family: RequestType
    version: int
    stage: Stage
    published_version: int | None
    title: str
    standard: bool
    intake: Intake
    created_at: datetime

    @classmethod
    def of(cls, shown: Shown) -> "RequestTypeView":
        return cls(**_fields(shown))


class RequestTypeInFullView(RequestTypeView, frozen=True, kw_only=True):
    """A type with what it says: by the version in effect, or else by the newest."""

    shown_version: int
    shown_version_id: RequestTypeVersionId
    document: dict[str, Any]

    @classmethod
    def of(cls, shown: Shown) -> "RequestTypeInFullView":
        return cls(
            **_fields(shown),
            shown_version=shown.version.version,
            shown_version_id=shown.version.id,
            document=dict(shown.version.document),
        )


def _fields(shown: Shown) -> dict[str, Any]:
    own, document = shown.own, shown.version.document
    return {
        "id": own.id,
        "name": own.name,
        "family": own.family,
        "version": own.version,
        "stage": own.stage,
        "published_version": own.published_version,
        "title": document["title"],
        "standard": document.get("standard", False),
        "intake": Intake(document.get("intake", Intake.REFUSE)),
        "created_at": own.created_at,
    }


class RequestTypeStepView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened to a version. `basis`: what it stands on where that is no other member's approval."""

    step: Step
    at: datetime
    by: str
    note: str | None = None
    basis: Basis | None = None

    @classmethod
    def of(cls, taken: Taken) -> "RequestTypeStepView":
        return cls(taken.step, taken.at, taken.by, taken.note, taken.basis)


class RequestTypeVersionView(msgspec.Struct, frozen=True, kw_only=True):
    """One version, which never changes, with its life.

    `evidence` is what a standard change stands on, null of all others.
    """

    id: RequestTypeVersionId
    request_type_id: RequestTypeId
    version: int
    stage: Stage
    document: dict[str, Any]
    created_at: datetime
    steps: list[RequestTypeStepView]
    evidence: Proven | None

    @classmethod
    def of(cls, lived: Lived) -> "RequestTypeVersionView":
        version = lived.version
        return cls(
            id=version.id,
            request_type_id=version.type_id,
            version=version.version,
            stage=lived.stage,
            document=dict(version.document),
            created_at=version.created_at,
            steps=list(map(RequestTypeStepView.of, lived.steps)),
            evidence=None if lived.evidence is None else msgspec.convert(lived.evidence, Proven),
        )


class RequestTypeDifferencesView(msgspec.Struct, frozen=True):
    """What differs between two versions: `part` is a JSON Pointer into the document."""

    of: Annotated[int, msgspec.Meta(description="The version before.")]
    to: int
    differences: list[Difference]


class TemplateView(msgspec.Struct, frozen=True, kw_only=True):
    """A type that is shipped to begin with, and the clause of ISO/IEC 20000-1:2018 that it is about."""

    name: str
    family: RequestType
    clause: Clause
    document: dict[str, Any]

    @classmethod
    def of(cls, template: Template) -> "TemplateView":
        return cls(
            name=template.name, family=template.family, clause=template.clause, document=template.document
        )


def tag(own: OwnType) -> str:
    return conditional.etag(own.id, own.revision)
