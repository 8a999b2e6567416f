"""Expected failures of this slice."""

from uuid import UUID

from service.errors import NotFound


class AuditRecordNotFound(NotFound):
    """There is no such audit record."""

    code = "audit-record-not-found"

    def __init__(self, record_id: UUID) -> None:
        super().__init__(f"Audit record {record_id} does not exist.")
