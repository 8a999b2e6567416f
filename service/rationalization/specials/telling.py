"""The events and the records of the audit trail that a special method is told by. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.audit.domain import Deed
from service.outbox.models import EventDraft
from service.rationalization.matters import Matter
from service.rationalization.specials.models import SpecialMethod

SUBJECT_KIND = "special_method"


def event(
    kind: str, matter: Matter, special: SpecialMethod, said: Mapping[str, Any], *, at: datetime
) -> EventDraft:
    """An event of a special method that has counted it already. It does not show who approved.

    Args:
        kind: "allowed", "expiring", "ended", "used" or "checked".
        matter: the request that it was allowed for.
        special: as it stands after what is told.
        said: what is told besides.
        at: when that came about.
    """
    verdict, standing = special.verdict, special.standing
    return EventDraft(
        type=f"{SUBJECT_KIND}.{kind}",
        subject_kind=SUBJECT_KIND,
        subject_id=special.id,
        sequence=special.sequence,
        occurred_at=at,
        payload={
            "special_method_id": special.id,
            "request_id": matter.request_id,
            "source": matter.source,
            "external_id": matter.external_id,
            "service_id": special.service_id,
            "state": standing.state.value,
            "scope": verdict.scope,
            "justification": verdict.justification,
            "way_back": verdict.way_back,
            "approved_at": standing.approved_at,
            "ends_at": standing.ends_at,
            **said,
        },
        client_id=special.client_id,
    )


def deed(action: str, special: SpecialMethod, said: Mapping[str, Any]) -> Deed:
    """What the audit trail says of it."""
    return Deed(f"{SUBJECT_KIND}.{action}", label(special), after={"state": special.state.value, **said})


def label(special: SpecialMethod) -> str:
    return f"{SUBJECT_KIND}:{special.id}"
