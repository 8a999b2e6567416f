"""Expected failures of commands that speak to a server."""

from collections.abc import Sequence
from pathlib import Path

from service.errors import Conflict, Invalid, NotFound

NAMES_SHOWN = 12


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
    """The server has nothing of this name, but perhaps of others."""

    code = "remote-name-unknown"

    def __init__(self, what: str, name: str, known: Sequence[str]) -> None:
        listed = f"there are {', '.join(known[:NAMES_SHOWN])}" if known else "there is none at all yet"
        super().__init__(f"The server has no {what} {name!r}; {listed}.")


class PolicyFileUnusable(Invalid):
    """A file is not what its name promises."""

    code = "policy-file-unusable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be used: {reason}")


class PolicyRefused(Invalid):
    """The server refused a policy; each line says where in its file."""

    code = "remote-policy-refused"

    def __init__(self, path: Path, status: int, reason: str, lines: Sequence[str]) -> None:
        super().__init__("\n  ".join([f"{path} was refused with {status}: {reason}", *lines]))


class PublishedInPart(Conflict):
    """Some of several policies were published before one was refused."""

    code = "remote-published-in-part"

    def __init__(self, done: Sequence[str], refusal: str) -> None:
        super().__init__(f"{refusal}\n  Published before it: {', '.join(done)}.")


class BacktestLost(Conflict):
    """A backtest came to another end than a result."""

    code = "remote-backtest-lost"

    def __init__(self, backtest_id: str, state: str, failure: str | None) -> None:
        reason = f": {failure}" if failure else "."
        super().__init__(f"Backtest {backtest_id} was {state}{reason}")
