"""Expected failures of major incidents."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Invalid, NotFound
from service.ids import MajorIncidentId, RequestId


class MajorIncidentNotFound(NotFound):
    """There is no such major incident, or it does not affect this caller."""

    code = "major-incident-not-found"

    def __init__(self, incident_id: MajorIncidentId) -> None:
        super().__init__(f"Major incident {incident_id} does not exist.")


class MajorIncidentExists(Conflict):
    """A request leads one major incident at a time."""

    code = "major-incident-exists"

    def __init__(self, request_id: RequestId) -> None:
        super().__init__(f"Request {request_id} leads a major incident that is open; report on that one.")


class MajorIncidentEnded(Conflict):
    """What has ended is not reported on, and nobody is added to it."""

    code = "major-incident-ended"

    def __init__(self, incident_id: MajorIncidentId) -> None:
        super().__init__(f"Major incident {incident_id} has ended; declare another one.")


class MajorIncidentInvalid(Invalid):
    """The major incident cannot be declared as it stands. Each entry of `errors` says why."""

    code = "major-incident-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The major incident cannot be declared as it stands.", faults=faults)
