"""What is to be told to whom, and what was told. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.ids import TemplateId
from service.rationalization.matters import Matter
from service.rationalization.wording.domain.messages import MessageKind, Value


@dataclass(frozen=True, slots=True)
class Written:
    """A message as it is written, in Liquid."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to be told to the requester.

    Attributes:
        kind: what of.
        matter: the request it is about; its contact says the language and the time zone.
        wording: what a rule calls its own words for it, if it does.
        values: what messages may speak of, by name, as VARIABLES has it; what is None is not there, and what
            this message does not speak of is left out. The names, the source and the contact of the request
            need not be given.
    """

    kind: MessageKind
    matter: Matter
    wording: str | None = None
    values: Mapping[str, Value | None] = field(default_factory=dict[str, Value | None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told, and by which words.

    Attributes:
        subject: one line.
        text: plain text, never empty; whoever shows it as HTML escapes it.
        language: the BCP 47 tag of the words.
        template_id: the tenant's template that it was made by; None where the product's words were told.
        version: of that template.
        failed: whether a template of the tenant should have been told, and could not.
    """

    subject: str
    text: str
    language: str
    template_id: TemplateId | None = None
    version: int | None = None
    failed: bool = False
