"""Expected failures of gates."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from service.ids import GateId


class GateNotFound(NotFound):
    """There is no such gate, or not for this caller."""

    code = "gate-not-found"

    def __init__(self, gate_id: GateId) -> None:
        super().__init__(f"Gate {gate_id} does not exist.")


class GateClosed(Conflict):
    """What it belongs to counts no more: nothing is recorded for it."""

    code = "gate-closed"

    def __init__(self, gate_id: GateId) -> None:
        super().__init__(f"Gate {gate_id} is closed: what it was laid to counts no more.")


class GateRecordInvalid(Invalid):
    """What is to be recorded does not satisfy the gate's form. Each entry of `errors` says why."""

    code = "gate-record-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This cannot be recorded as it stands.", faults=faults)


class GateRecordsTooMany(Conflict):
    """So many records of one gate were made that no more are taken."""

    code = "gate-records-too-many"

    def __init__(self, gate_id: GateId, most: int) -> None:
        super().__init__(f"Gate {gate_id} has {most} records, the most that there may be.")


class RiskOfOwnConsent(Forbidden):
    """Nobody assesses the risk of what they consented to already."""

    code = "gate-risk-of-own-consent"

    def __init__(self) -> None:
        super().__init__(
            "You consented to this already, and your consent would rest on your own assessment; somebody else"
            " must assess its risk."
        )


class GateRecordMissing(Conflict):
    """There is no record that could be withdrawn."""

    code = "gate-record-missing"

    def __init__(self, gate_id: GateId) -> None:
        super().__init__(f"Gate {gate_id} has no record that counts; there is nothing to withdraw.")
