"""Expected failures of a replay."""

from collections.abc import Sequence
from datetime import datetime

from service.errors import Conflict, Fault, Invalid, Unavailable
from service.instants import rfc3339


class MappingInvalid(Invalid):
    """The mapping does not say how to read this log."""

    code = "mapping-invalid"

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        lines = "".join(f"\n  {fault.pointer or '/'}: {fault.detail}" for fault in faults)
        super().__init__(f"{name} cannot be used:{lines}", faults=faults)


class LogUnreadable(Invalid):
    """The log cannot be read at all; a single bad row would only be counted."""

    code = "log-unreadable"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} cannot be replayed: {reason}")


class SetupUnreadable(Invalid):
    """A policy or calendar file is not what its name promises."""

    code = "replay-setup-unreadable"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} cannot be used: {reason}")


class ReplayRefused(Conflict):
    """The server understood and said no to something without which a replay has no meaning."""

    code = "replay-refused"

    def __init__(self, what: str, *, status: int, reason: str) -> None:
        super().__init__(f"The server refused {what} with {status}: {reason}")


class ClockPast(Conflict):
    """The sandbox tenant's clock has passed the log's beginning, and clocks only move forward."""

    code = "replay-clock-past"

    def __init__(self, now: datetime, start: datetime) -> None:
        super().__init__(
            f"The tenant's clock stands at {rfc3339(now)}, after the log begins. "
            f"Replay on a sandbox tenant whose clock is at {rfc3339(start)} or earlier."
        )


class AddressUnusable(Invalid):
    """The address of the API is none."""

    code = "replay-address-unusable"

    def __init__(self, url: str) -> None:
        super().__init__(f"{url!r} is not the address of an API, such as http://127.0.0.1:8080.")


class AnswerUnreadable(Unavailable):
    """Something answers there, but not as this API does."""

    code = "answer-unreadable"

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address} does not answer as this API does ({reason}). Is the address right?")


class ServerUnreachable(Unavailable):
    """The server did not answer for longer than the replay is willing to wait."""

    code = "server-unreachable"

    def __init__(self, url: str, *, patience_seconds: float, reason: str) -> None:
        super().__init__(
            f"{url} gave no answer for {patience_seconds:.0f} s ({reason}). Nothing was done twice: "
            "when the server answers again, run the same command again, and it goes on where it stopped."
        )
