"""Expected failures of this slice."""

from collections.abc import Sequence

from service.errors import Fault, Invalid, NotFound
from service.ids import EndpointId


class WebhookEndpointNotFound(NotFound):
    """There is no such webhook endpoint."""

    code = "webhook-endpoint-not-found"

    def __init__(self, endpoint_id: EndpointId) -> None:
        super().__init__(f"Webhook endpoint {endpoint_id} does not exist.")


class WebhookEndpointInvalid(Invalid):
    """A webhook endpoint cannot be registered as it stands. Each entry of `errors` says why."""

    code = "webhook-endpoint-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This webhook endpoint cannot be registered as it stands.", faults=faults)


class EventTypeUnknown(Invalid):
    """The feed was asked for a type of event that there is not."""

    code = "event-type-unknown"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("There is no such event.", faults=faults)
