"""What the requester is told in words of what was arranged, in its language."""

from collections.abc import Mapping
from typing import Any

from service.db import TenantSession
from service.rationalization import verdicts
from service.rationalization.arrangements import telling, terms
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.verdicts import Redirect, SpecialMethod
from service.rationalization.wording import service as wording
from service.rationalization.wording import shipped
from service.rationalization.wording.domain import Message, MessageKind, Value
from service.requests import affairs
from service.requests.domain import Request
from service.requests.effects import Occasion


async def compose(
    session: TenantSession,
    occasion: Occasion,
    request: Request,
    arrangement: Arrangement,
    kind: MessageKind,
    **besides: Value | None,
) -> dict[str, Any]:
    """What the requester is told, as an arrangement keeps it; `besides` is what it may speak of besides."""
    wanted = Message(
        kind=kind,
        matter=affairs.matter(request),
        wording=arrangement.verdict.wording,
        values=values_of(arrangement) | besides,
    )
    told = await wording.tell(session, wanted, now=occasion.now)
    return {
        "subject": told.subject,
        "text": told.text,
        "language": told.language,
        "template_id": None if told.template_id is None else str(told.template_id),
        "version": told.version,
        "failed": told.failed,
    }


def values_of(arrangement: Arrangement) -> dict[str, Value | None]:
    """What a message may speak of. Whose consent is required is the tenant's own affair.

    What work waits for is told to those whom the tenant serves itself; client organizations see no gates.
    Where to object is told if people can go there: what only programs call is not for them.
    """
    verdict, proposal = arrangement.verdict, arrangement.proposal
    objections = telling.objections_of(arrangement)
    is_for_people = verdicts.ADDRESS.fullmatch(objections.url) is not None
    window: Mapping[str, str | None] = proposal.get("window", {})
    values: dict[str, Value | None] = {
        "reason": arrangement.reason,
        "awaited": _awaited(arrangement),
        "answer_by": arrangement.standing.answer_by,
        "objections": objections.name if is_for_people else None,
        "objections_url": objections.url if is_for_people else None,
        "proposed_start": terms.instant(window.get("from")),
        "proposed_end": terms.instant(window.get("to")),
        "proposed_priority": proposal.get("priority"),
        "proposed_scope": proposal.get("scope"),
        "proposed_type": proposal.get("type"),
    }
    if isinstance(verdict, SpecialMethod):
        values |= {"justification": verdict.justification, "way_back": verdict.way_back}
    if isinstance(verdict, Redirect):
        to = arrangement.carried_to
        values |= {
            "channel": verdict.channel.name,
            "channel_url": arrangement.carried.get("link") or verdict.channel.url,
            "carried_to": None if to is None else str(to),
        }
    return values


def _awaited(arrangement: Arrangement) -> list[str] | None:
    """The kinds of gates that somebody has to bring something for, each once; None where that is not told."""
    if arrangement.client_id is not None:
        return None
    kinds = [str(type(gate).__struct_config__.tag) for gate in arrangement.verdict.requires]
    return [kind for kind in dict.fromkeys(kinds) if kind in shipped.gates()]
