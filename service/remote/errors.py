"""Expected failures of commands that speak to a server."""

from service.errors import Conflict, Invalid, NotFound


class LogDiffers(Conflict):
    """There is a log of this name already, which was read otherwise."""

    code = "remote-log-differs"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"There is a history log {name!r} already, {reason}; choose another --name.")


class NothingTaken(Invalid):
    """The server took no case of a log."""

    code = "remote-nothing-taken"

    def __init__(self, count: int, first: str) -> None:
        super().__init__(f"None of the {count:,} cases could be brought in; the first: {first}")


class NameUnknown(NotFound):
    """The server has nothing of this name."""

    code = "remote-name-unknown"

    def __init__(self, what: str, name: str, known: str) -> None:
        super().__init__(f"There is no {what} {name!r}{known}.")
