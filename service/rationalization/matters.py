"""What this slice goes by of a request. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.ids import ClientId, ContactId, MemberId, RequestId, RequestTypeVersionId, ServiceId
from service.rules.vocabulary import RequestType


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What is known of a request, as it is now.

    Attributes:
        contact_id: the person who asks, where it is known.
        submitted_by: the member who brought it in, if a member did.
        type_version_id: the version of the type of the tenant's catalogue that it was taken in by.
        facts: what its source says of it, under the names of `request.*`.
    """

    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None
    type: RequestType
    source: str
    external_id: str
    title: str | None
    contact_id: ContactId | None
    submitted_by: MemberId | None
    type_version_id: RequestTypeVersionId | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
