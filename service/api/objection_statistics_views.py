"""What HTTP shows of how many objections were raised, and what came of them."""

from datetime import datetime
from typing import Any

import msgspec

from service.ids import PolicyId, ServiceId
from service.rationalization.objections.domain import Cause, SubjectKind
from service.rationalization.objections.statistics import Counts, Group, Span, Statistics


class CountsView(msgspec.Struct, frozen=True, kw_only=True):
    """`upheld_share` is of those that were decided; it and the median are null where none was."""

    raised: int
    open: int
    upheld: int
    rejected: int
    withdrawn: int
    overdue: int
    decided: int
    upheld_share: float | None
    median_seconds_to_decide: float | None

    @classmethod
    def of(cls, counts: Counts) -> "CountsView":
        within = counts.decided_within
        return cls(
            raised=counts.raised,
            open=counts.open,
            upheld=counts.upheld,
            rejected=counts.rejected,
            withdrawn=counts.withdrawn,
            overdue=counts.overdue,
            decided=counts.upheld + counts.rejected,
            upheld_share=counts.upheld_share,
            median_seconds_to_decide=None if within is None else within.total_seconds(),
        )


class CauseCountsView(msgspec.Struct, frozen=True):
    cause: Cause
    counts: CountsView


class SubjectCountsView(msgspec.Struct, frozen=True):
    kind: SubjectKind
    counts: CountsView


class ServiceCountsView(msgspec.Struct, frozen=True):
    """Of the requests of one service; null of those of none."""

    service_id: ServiceId | None
    service: str | None
    counts: CountsView


class RuleCountsView(msgspec.Struct, frozen=True):
    """Of what one rule of a policy decided or promised."""

    policy_id: PolicyId
    policy: str | None
    rule_id: str
    counts: CountsView


class ObjectionStatisticsView(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from"}):
    """The objections that were raised from `from` on until before `until`, as they stand now.

    Of each table the 100 with the most. Applications of clients are told of their own, and of no rules.
    """

    since: datetime
    until: datetime
    all: CountsView
    by_cause: list[CauseCountsView]
    by_subject: list[SubjectCountsView]
    by_service: list[ServiceCountsView]
    by_rule: list[RuleCountsView]

    @classmethod
    def of(cls, found: Statistics, span: Span, *, in_full: bool) -> "ObjectionStatisticsView":
        return cls(
            since=span.since,
            until=span.until,
            all=CountsView.of(found.all),
            by_cause=[CauseCountsView(**_group(each)) for each in found.by_cause],
            by_subject=[SubjectCountsView(**_group(each)) for each in found.by_subject],
            by_service=[ServiceCountsView(**_group(each)) for each in found.by_service],
            by_rule=[RuleCountsView(**_group(each)) for each in found.by_rule] if in_full else [],
        )


def _group(group: Group) -> dict[str, Any]:
    return {**group.of, "counts": CountsView.of(group.counts)}
