"""Which other changes of a service come too near to one. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.ids import RequestId
from service.rationalization.gates.domain import windows
from service.rationalization.gates.domain.windows import Bounds, Planned


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherChange:
    """Another open change of the same service.

    Attributes:
        planned: when its work is to be done; None where that is not known, so that nothing can be compared.
        waits: whether it waits for a free window itself. Two that waited for one another would never begin.
        end_is_assumed: whether it does not say itself until when its work lasts.
    """

    request_id: RequestId
    source: str
    external_id: str
    planned: Planned | None
    waits: bool = False
    end_is_assumed: bool = False

    @property
    def held(self) -> Planned | None:
        """The window in which nobody else may come near; None where it has none."""
        return None if self.waits else self.planned

    def lasting(self, assumed: timedelta) -> "OtherChange":
        """The same, taken to last so long where it does not say until when."""
        if self.planned is None or self.planned.end is not None:
            return self
        return replace(self, planned=self.planned.lasting(assumed), end_is_assumed=True)


def in_conflict(planned: Planned, others: Iterable[OtherChange], margin: timedelta) -> list[OtherChange]:
    """Those whose work comes nearer than the margin, in the order of their starts."""
    work = windows.widened(planned.span, margin)
    near = [
        (other.held.start, other.request_id, other)
        for other in others
        if other.held is not None and windows.touching([other.held.span], work)
    ]
    return [other for *_, other in sorted(near, key=lambda each: each[:2])]


def has_come_near(planned: Planned, moved: OtherChange, margin: timedelta, now: datetime) -> bool:
    """Whether a change that is planned anew is in the way of work that is still to begin.

    What has begun is not stopped half-way by whatever comes then.
    """
    return planned.start > now and bool(in_conflict(planned, [moved], margin))


def bounds(others: Sequence[OtherChange], margin: timedelta) -> Bounds:
    """Where work would come near none of them."""
    spans = [windows.widened(other.held.span, margin) for other in others if other.held is not None]
    return Bounds(windows.joined(spans), inside=False)
