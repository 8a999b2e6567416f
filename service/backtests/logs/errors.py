"""Expected failures of logs of past requests."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Invalid, NotFound
from service.ids import HistoryLogId


class HistoryLogNotFound(NotFound):
    """There is no such log of past requests."""

    code = "history-log-not-found"

    def __init__(self, log_id: HistoryLogId) -> None:
        super().__init__(f"History log {log_id} does not exist.")


class HistoryLogExists(Conflict):
    """Another log of past requests has this name already."""

    code = "history-log-exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a history log {name!r} already; choose another name, or remove that one.")


class HistoryLogComplete(Conflict):
    """The log of past requests is complete, so that no cases can be added to it."""

    code = "history-log-complete"

    def __init__(self, name: str) -> None:
        super().__init__(f"The history log {name!r} is complete; bring further cases in under another name.")


class HistoryLogInUse(Conflict):
    """A backtest runs on the log of past requests."""

    code = "history-log-in-use"

    def __init__(self, name: str) -> None:
        super().__init__(f"A backtest runs on the history log {name!r}; cancel it, or wait for its end.")


class HistoryLogInvalid(Invalid):
    """A log of past requests cannot be called so."""

    code = "history-log-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The history log cannot be created as it stands.", faults=faults)


class HistoryCasesInvalid(Invalid):
    """Cases of past requests do not say when something happened."""

    code = "history-cases-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The cases cannot be added as they stand.", faults=faults)
