"""Which other changes of a service come too near to one. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from service.ids import RequestId
from service.rationalization.gates.domain import windows
from service.rationalization.gates.domain.windows import Bounds, Planned


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherChange:
    """Another open change of the same service.

    Attributes:
        planned: when its work is to be done; None where that is not known, so that nothing can be compared.
    """

    request_id: RequestId
    source: str
    external_id: str
    planned: Planned | None


def in_conflict(planned: Planned, others: Iterable[OtherChange], margin: timedelta) -> list[OtherChange]:
    """Those whose work comes nearer than the margin, in the order of their starts."""
    work = windows.widened(planned.span, margin)
    near = [
        other
        for other in others
        if other.planned is not None and windows.touching([other.planned.span], work)
    ]
    return sorted(
        near, key=lambda other: (other.planned.start if other.planned else planned.start, other.request_id)
    )


def bounds(others: Sequence[OtherChange], margin: timedelta) -> Bounds:
    """Where work would come near none of them."""
    spans = [windows.widened(other.planned.span, margin) for other in others if other.planned is not None]
    return Bounds(windows.joined(spans), inside=False)
