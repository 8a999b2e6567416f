"""What may be refused of message templates, and of links to arrangements."""

from collections.abc import Sequence
from uuid import UUID

from service.errors import Conflict, Fault, Invalid, NotFound


class ArrangementLinksTooMany(Conflict):
    """As many links to the arrangement as may be have not expired. Wait for one of them to."""

    code = "arrangement-links-too-many"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} links to the arrangement have not expired; wait for one of them to.")


class MessageTemplateNotFound(NotFound):
    """There is no such message template, or no such version of one, for this tenant."""

    code = "message-template-not-found"

    def __init__(self, template: UUID) -> None:
        super().__init__(f"Message template {template} does not exist.")


class MessageTemplateExists(Conflict):
    """The tenant has a template of this message, wording and language already."""

    code = "message-template-exists"

    def __init__(self, message: str, language: str) -> None:
        super().__init__(f"There is a template of {message!r} in {language!r} already; revise that one.")


class MessageTemplateInvalid(Invalid):
    """A message cannot be told as it is written. Each entry of `errors` points at a place in the body."""

    code = "message-template-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The message cannot be told as it is written.", faults=faults)


class MessageTemplateRetired(Conflict):
    """The template is told no more already."""

    code = "message-template-retired"

    def __init__(self, template: UUID) -> None:
        super().__init__(f"Message template {template} is retired already; a revision takes it up again.")
