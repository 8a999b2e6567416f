"""Expected failures of this slice."""

from service.errors import Invalid, NotFound
from service.ids import AlarmId


class AlarmNotFound(NotFound):
    """There is no such alarm."""

    code = "alarm-not-found"

    def __init__(self, alarm_id: AlarmId) -> None:
        super().__init__(f"Alarm {alarm_id} does not exist.")


class HeartbeatAddressInvalid(Invalid):
    """The address that the heartbeat is to be sent to cannot be used."""

    code = "heartbeat-address-invalid"

    def __init__(self) -> None:
        super().__init__(
            "ROOTED_HEARTBEAT_URL is not an address that begins with https://, or with http:// and leads to"
            " this machine."
        )
