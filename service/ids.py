"""Identifier types, so that a tenant id cannot pass for a request id, and how ids are made."""

from typing import NewType
from uuid import UUID

from uuid_utils.compat import uuid7

TenantId = NewType("TenantId", UUID)
ClientId = NewType("ClientId", UUID)
ContactId = NewType("ContactId", UUID)
PersonId = NewType("PersonId", UUID)
MemberId = NewType("MemberId", UUID)
GroupId = NewType("GroupId", UUID)
ApplicationId = NewType("ApplicationId", UUID)
FamilyId = NewType("FamilyId", UUID)
ServiceId = NewType("ServiceId", UUID)
CalendarId = NewType("CalendarId", UUID)
PolicyId = NewType("PolicyId", UUID)
PolicyVersionId = NewType("PolicyVersionId", UUID)
RequestId = NewType("RequestId", UUID)
DecisionId = NewType("DecisionId", UUID)
CommitmentId = NewType("CommitmentId", UUID)
EventId = NewType("EventId", UUID)
EndpointId = NewType("EndpointId", UUID)


def new_id() -> UUID:
    """A UUIDv7: ordered by the millisecond it was made in. For the shell; pure functions take ids."""
    return uuid7()


def read_id(text: str) -> UUID:
    """An id that was written as text. Raises ValueError."""
    return UUID(text)
