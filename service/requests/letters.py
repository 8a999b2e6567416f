"""What requesters are written to. Plain text; what the tenant says stands in it as it is. Pure."""

from datetime import datetime

from service.mail.domain import SUBJECT_CHARACTERS_MAX, Mail
from service.requests.domain import Request

SUBJECT = "A promise to you will not be kept as it was made"


def proposal(
    email: str, tenant_name: str, request: Request, reason: str, *, url: str, answer_by: datetime
) -> Mail:
    """That a promise will be missed, and where to answer."""
    about = f"{request.external_id}: {request.title}" if request.title else request.external_id
    return Mail(
        email,
        SUBJECT[:SUBJECT_CHARACTERS_MAX],
        f"{tenant_name} promised you something that it will not be able to keep in time.\n\n"
        f"Your request: {about}\n"
        f"The reason: {reason}\n\n"
        "What is offered instead, and how you can answer, is here:\n\n"
        f"{url}\n\n"
        f"The link takes one answer, until {answer_by:%d %B %Y, %H:%M} UTC. It works for whoever has it, so"
        " please do not pass it on.\n",
    )


def verdict(email: str, subject: str, text: str, *, url: str) -> Mail:
    """What was decided on a request, as its requester was told it, and where to answer."""
    return Mail(email, " ".join(subject.split())[:SUBJECT_CHARACTERS_MAX], f"{text}\n\n{url}\n")
