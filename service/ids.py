"""Identifier types, so that a tenant id cannot pass for a request id, and how ids are made."""

from typing import NewType
from uuid import UUID, uuid5

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
CalendarVersionId = NewType("CalendarVersionId", UUID)
PolicyId = NewType("PolicyId", UUID)
PolicyVersionId = NewType("PolicyVersionId", UUID)
FactId = NewType("FactId", UUID)
RequestId = NewType("RequestId", UUID)
DecisionId = NewType("DecisionId", UUID)
CommitmentId = NewType("CommitmentId", UUID)
RenegotiationId = NewType("RenegotiationId", UUID)
CurveId = NewType("CurveId", UUID)
RepinningId = NewType("RepinningId", UUID)
RotaId = NewType("RotaId", UUID)
RotaOverrideId = NewType("RotaOverrideId", UUID)
RotaFeedId = NewType("RotaFeedId", UUID)
LadderId = NewType("LadderId", UUID)
LadderVersionId = NewType("LadderVersionId", UUID)
EscalationId = NewType("EscalationId", UUID)
NoticeId = NewType("NoticeId", UUID)
MaintenanceId = NewType("MaintenanceId", UUID)
MajorIncidentId = NewType("MajorIncidentId", UUID)
ArrangementId = NewType("ArrangementId", UUID)
GateId = NewType("GateId", UUID)
DelegationId = NewType("DelegationId", UUID)
QuestionnaireId = NewType("QuestionnaireId", UUID)
SpecialMethodId = NewType("SpecialMethodId", UUID)
ObjectionId = NewType("ObjectionId", UUID)
RequestTypeId = NewType("RequestTypeId", UUID)
RequestTypeVersionId = NewType("RequestTypeVersionId", UUID)
ImprovementId = NewType("ImprovementId", UUID)
AccidentId = NewType("AccidentId", UUID)
ReviewId = NewType("ReviewId", UUID)
TemplateId = NewType("TemplateId", UUID)
AlarmId = NewType("AlarmId", UUID)
SubjectId = NewType("SubjectId", UUID)
"""Of whatever an alarm is about."""
HistoryLogId = NewType("HistoryLogId", UUID)
BacktestId = NewType("BacktestId", UUID)
EventId = NewType("EventId", UUID)
EndpointId = NewType("EndpointId", UUID)
AuditRecordId = NewType("AuditRecordId", UUID)


def new_id() -> UUID:
    """A UUIDv7: ordered by the millisecond it was made in. For the shell; pure functions take ids."""
    return uuid7()


def derived_id(owner: UUID, name: str) -> UUID:
    """The id (UUIDv5) of the one thing of this name that its owner has: it can be found without a look-up."""
    return uuid5(owner, name)


def read_id(text: str) -> UUID:
    """An id that was written as text. Raises ValueError."""
    return UUID(text)
