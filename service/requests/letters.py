"""What requesters are written to, in their language: what they were told, or what is offered, with a link.

Plain text; what the tenant says stands in it as it is. Pure.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.commitments.domain import Silence
from service.commitments.renegotiation.domain import Proposed
from service.mail.domain import BODY_CHARACTERS_MAX, SUBJECT_CHARACTERS_MAX, Mail
from service.rationalization.wording import saying, shipped
from service.rationalization.wording.domain import characters, languages
from service.rationalization.wording.shipped import Letter
from service.requests.domain import Request
from service.tenants.domain import Contact

TEXT_CHARACTERS_MAX = BODY_CHARACTERS_MAX - 1_000
"""Of a message, so that the link still finds room below it."""


def proposal(
    email: str, contact: Contact, tenant_name: str, request: Request, proposed: Proposed, *, url: str
) -> Mail:
    """That a promise will be missed, and where to answer."""
    language, _ = languages.first_known([contact.language], shipped.LANGUAGES)
    values = {
        "contact": contact.name,
        "tenant": tenant_name,
        "request": request.title or request.external_id,
        "external_id": request.external_id,
        "reason": proposed.reason,
        "answer_by": proposed.answer_by,
        "agrees": "yes" if proposed.silence is Silence.UNDERSTOOD else None,
        "url": url,
    }
    return _mail(email, *saying.in_letter(Letter.PROPOSAL, language, values, contact))


def verdict(
    email: str, contact: Contact, message: Mapping[str, Any], *, url: str, expires_at: datetime
) -> Mail:
    """What was decided on a request, as its requester was told it, and where to answer."""
    language, _ = languages.first_known([message["language"]], shipped.LANGUAGES)
    values = {
        "subject": message["subject"],
        "text": characters.shortened(message["text"], TEXT_CHARACTERS_MAX),
        "expires_at": expires_at,
        "url": url,
    }
    return _mail(email, *saying.in_letter(Letter.VERDICT, language, values, contact))


def _mail(email: str, subject: str, text: str) -> Mail:
    """A subject may have none of what is not printed, such as what joins two pictures to one."""
    printed = "".join(character if character.isprintable() else " " for character in subject)
    return Mail(email, characters.shortened(" ".join(printed.split()), SUBJECT_CHARACTERS_MAX), text)
