"""Use cases of wording: tell the requester."""

from datetime import datetime

from service.db import TenantSession
from service.rationalization.wording.domain import Message, Told


async def tell(session: TenantSession, message: Message, *, now: datetime) -> Told:  # noqa: ARG001 - templates come next
    """What the requester is told; where no template can be told, the words of the product."""
    name = message.matter.title or message.matter.external_id
    said = [value for value in message.values.values() if isinstance(value, str)]
    return Told(subject=name, text="\n".join([f"{name}: {message.kind}", *said]), language="en")
