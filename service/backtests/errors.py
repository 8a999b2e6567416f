"""Expected failures of this slice."""

from collections.abc import Sequence
from uuid import UUID

from service.errors import Conflict, Fault, Invalid, NotFound


class BacktestNotFound(NotFound):
    """There is no such backtest in this tenant."""

    code = "backtest-not-found"

    def __init__(self, backtest_id: UUID) -> None:
        super().__init__(f"There is no backtest {backtest_id}.")


class BacktestInvalid(Invalid):
    """What a backtest is asked to do has faults."""

    code = "backtest-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The backtest has faults.", faults=faults)


class BacktestUnderWay(Conflict):
    """A backtest that is queued or running cannot be deleted. Cancel it first."""

    code = "backtest-under-way"

    def __init__(self, backtest_id: UUID) -> None:
        super().__init__(f"Backtest {backtest_id} is not at its end yet; cancel it first.")


class BacktestEnded(Conflict):
    """A backtest that has ended cannot be cancelled. Its result stays until it is deleted."""

    code = "backtest-ended"

    def __init__(self, backtest_id: UUID, state: str) -> None:
        super().__init__(f"Backtest {backtest_id} is {state} and cannot be cancelled any more.")


class SimulationInvalid(Invalid):
    """What a simulation is asked to do has faults."""

    code = "simulation-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The simulation has faults.", faults=faults)


class Unjudgeable(Exception):
    """A past request that cannot be judged; says why. It is counted, and never ends a backtest."""


class BacktestStuck(Exception):
    """No process gets through a chunk, whichever way its rules are matched."""

    def __init__(self, chunk: int) -> None:
        super().__init__(f"Processes end on part {chunk} of the history, whichever engine matches its rules.")
        self.chunk = chunk
