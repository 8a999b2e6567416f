"""How often people object, why, and what comes of it: counted by PostgreSQL, for one tenant, in bounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, extract, func, select

from service.db import TenantSession
from service.ids import ClientId
from service.rationalization.objections import store
from service.rationalization.objections.domain import DECIDED, State
from service.rationalization.objections.models import ObjectionRow
from service.rules.models import PolicyRow
from service.tenants.models import ServiceRow

GROUPS_MAX = 100
"""Of each table, those with the most objections."""
SPAN_MAX = timedelta(days=3_660)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of objections that were raised in a span of time.

    Attributes:
        overdue: of all of them, those that were not decided in time, so far or at all.
        decided_within: the median elapsed time from raising to deciding; None where none was decided.
    """

    raised: int
    open: int
    upheld: int
    rejected: int
    withdrawn: int
    overdue: int
    decided_within: timedelta | None

    @property
    def upheld_share(self) -> float | None:
        """Of those that were decided; None where none was."""
        decided = self.upheld + self.rejected
        return self.upheld / decided if decided else None


@dataclass(frozen=True, slots=True)
class Group:
    """The objections that have these in common, by the names of what they have."""

    of: dict[str, Any]
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The objections that were raised in a span of time: all of them, and by what they are about."""

    all: Counts
    by_cause: list[Group]
    by_subject: list[Group]
    by_service: list[Group]
    by_rule: list[Group]


@dataclass(frozen=True, slots=True)
class Span:
    """From an instant on until before another."""

    since: datetime
    until: datetime


async def compute(
    session: TenantSession, span: Span, *, client_id: ClientId | None, now: datetime
) -> Statistics:
    """Count the objections that were raised within a span, as they stand at `now`.

    With a `client_id`, only those that this client is told of.
    """
    row, service, policy = ObjectionRow, ServiceRow, PolicyRow
    mine = [row.tenant_id == session.tenant_id, row.raised_at >= span.since, row.raised_at < span.until]
    if client_id is not None:
        mine.append(row.client_id == client_id)
    counted = _counts(now)
    total = (await session.db.execute(select(*counted).where(*mine))).mappings().one()
    causes = select(row.cause.label("cause"), *counted).where(*mine).group_by(row.cause)
    kinds = select(row.subject_kind.label("kind"), *counted).where(*mine).group_by(row.subject_kind)
    services = (
        select(row.service_id.label("service_id"), service.name.label("service"), *counted)
        .outerjoin(service, and_(service.tenant_id == row.tenant_id, service.id == row.service_id))
        .where(*mine)
        .group_by(row.service_id, service.name)
    )
    rules = (
        select(
            row.policy_id.label("policy_id"),
            policy.name.label("policy"),
            row.rule_id.label("rule_id"),
            *counted,
        )
        .outerjoin(policy, and_(policy.tenant_id == row.tenant_id, policy.id == row.policy_id))
        .where(*mine, row.policy_id.is_not(None))
        .group_by(row.policy_id, policy.name, row.rule_id)
    )
    return Statistics(
        all=_read(total),
        by_cause=await _groups(session, causes, ["cause"]),
        by_subject=await _groups(session, kinds, ["kind"]),
        by_service=await _groups(session, services, ["service_id", "service"]),
        by_rule=await _groups(session, rules, ["policy_id", "policy", "rule_id"]),
    )


def _counts(now: datetime) -> list[ColumnElement[Any]]:
    row = ObjectionRow
    took = extract("epoch", row.since - row.raised_at)
    is_decided = row.state.in_([state.value for state in DECIDED])
    return [
        func.count().label("raised"),
        *(func.count().filter(row.state == state.value).label(state.value) for state in State),
        func.count().filter(store.is_overdue(now)).label("overdue"),
        func.percentile_cont(0.5).within_group(took).filter(is_decided).label("median_seconds"),
    ]


async def _groups(session: TenantSession, query: Any, names: Sequence[str]) -> list[Group]:
    most_first = query.order_by(func.count().desc(), *names).limit(GROUPS_MAX)
    found = (await session.db.execute(most_first)).mappings()
    return [Group({name: each[name] for name in names}, _read(each)) for each in found]


def _read(found: Any) -> Counts:
    seconds = found["median_seconds"]
    return Counts(
        raised=found["raised"],
        open=found["open"],
        upheld=found["upheld"],
        rejected=found["rejected"],
        withdrawn=found["withdrawn"],
        overdue=found["overdue"],
        decided_within=None if seconds is None else timedelta(seconds=float(seconds)),
    )
