"""What HTTP accepts of message templates, and what it shows of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from service.ids import TemplateId
from service.rationalization.verdicts import Name as WordingName
from service.rationalization.wording import checking, shipped
from service.rationalization.wording.domain import VARIABLES, MessageKind, ValueType, Variable, Written
from service.rationalization.wording.models import Template
from service.rationalization.wording.service import Place

SOURCE_MAX = 100_000
"""Where a body ends to be one at all; what a template may be is said with the place by what reads it."""

Source = Annotated[str, msgspec.Meta(max_length=SOURCE_MAX)]
Language = Annotated[str, msgspec.Meta(min_length=2, max_length=35, examples=["de-AT"])]


class CreateMessageTemplate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The tenant's words for one message in one language, in Liquid: see docs/guides/messages.md.

    Without `wording` they are the usual ones of the message; with it, those of rules that name it.
    """

    message: MessageKind
    language: Language
    subject: Source
    body: Source
    wording: WordingName | None = None

    def place(self) -> Place:
        return Place(message=self.message, language=self.language, wording=self.wording)

    def written(self) -> Written:
        return Written(self.subject, self.body)


class ReviseMessageTemplate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the template says from now on."""

    subject: Source
    body: Source

    def written(self) -> Written:
        return Written(self.subject, self.body)


class PreviewMessageTemplate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A template that is tried. What it speaks of is, in this order: `values`, the request, a sample.

    A value that is null is left out. Without `subject` and `body` the product's own words are shown.
    """

    message: MessageKind
    language: Language
    time_zone: Annotated[str, msgspec.Meta(max_length=64, examples=["Europe/Vienna"])] | None = None
    subject: Source | None = None
    body: Source | None = None
    request_id: UUID | None = None
    values: Annotated[dict[str, str | list[str] | None], msgspec.Meta(max_length=100)] = {}


class PreviewView(msgspec.Struct, frozen=True):
    """What the template would say."""

    subject: str
    text: str


class MessageTemplateView(msgspec.Struct, frozen=True, kw_only=True):
    """A template and its current version. Once it is retired it is told no more."""

    id: TemplateId
    message: MessageKind
    wording: str | None
    language: str
    version: int
    subject: str
    body: str
    created_at: datetime
    revised_at: datetime
    retired_at: datetime | None

    @classmethod
    def of(cls, found: Template) -> "MessageTemplateView":
        return cls(
            id=found.id,
            message=found.message,
            wording=found.wording,
            language=found.language,
            version=found.version,
            subject=found.written.subject,
            body=found.written.body,
            created_at=found.created_at,
            revised_at=found.revised_at,
            retired_at=found.retired_at,
        )


class MessageTemplateVersionView(msgspec.Struct, frozen=True, kw_only=True):
    """What a template has said. A version never changes."""

    id: UUID
    template_id: TemplateId
    version: int
    subject: str
    body: str
    created_at: datetime

    @classmethod
    def of(cls, version_id: UUID, found: Template) -> "MessageTemplateVersionView":
        return cls(
            id=version_id,
            template_id=found.id,
            version=found.version,
            subject=found.written.subject,
            body=found.written.body,
            created_at=found.revised_at,
        )


class VariableView(msgspec.Struct, frozen=True):
    """Something that a message may speak of.

    What is not `always_there` is spoken of inside of an `if` that asks for it. What is `owed` has to be said
    in full wherever it is there.
    """

    name: str
    type: ValueType
    meaning: str
    always_there: bool
    owed: bool

    @classmethod
    def of(cls, variable: Variable) -> "VariableView":
        return cls(variable.name, variable.type, variable.meaning, variable.is_always_there, variable.is_owed)


class WordsView(msgspec.Struct, frozen=True):
    """A message as it is written."""

    subject: str
    body: str


class MessageView(msgspec.Struct, frozen=True):
    """A message that requesters are told, what it may speak of, and the product's own words for it."""

    message: MessageKind
    variables: list[VariableView]
    words: dict[str, WordsView]

    @classmethod
    def of(cls, kind: MessageKind) -> "MessageView":
        words = {language: shipped.words(language)[kind] for language in shipped.LANGUAGES}
        return cls(
            kind,
            [VariableView.of(variable) for variable in VARIABLES[kind]],
            {language: WordsView(each.subject, each.body) for language, each in words.items()},
        )


class MessagesView(msgspec.Struct, frozen=True):
    """All messages, and the limits of their templates."""

    messages: list[MessageView]
    limits: Mapping[str, int]

    @classmethod
    def all(cls) -> "MessagesView":
        return cls([MessageView.of(kind) for kind in MessageKind], checking.limits())
