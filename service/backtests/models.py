"""Tables of this slice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Double, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.backtests.domain import Backtest, State
from service.db import TenantRow
from service.ids import BacktestId


class BacktestRow(TenantRow):
    """A backtest. `reached_at` and `reached_id` are of the last request done; the next part begins there."""

    __tablename__ = "backtest"

    name: Mapped[str]
    state: Mapped[str]
    spec: Mapped[dict[str, Any]]
    basis: Mapped[dict[str, Any]]
    log_id: Mapped[UUID | None]
    total: Mapped[int]
    done: Mapped[int]
    parts: Mapped[int]
    reached_at: Mapped[datetime | None]
    reached_id: Mapped[UUID | None]
    decisions: Mapped[int] = mapped_column(BigInteger)
    busy_seconds: Mapped[float] = mapped_column(Double)
    changed: Mapped[int]
    result: Mapped[dict[str, Any] | None]
    failure: Mapped[str | None]
    created_at: Mapped[datetime]
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    def to_domain(self) -> Backtest:
        return Backtest(
            id=BacktestId(self.id),
            name=self.name,
            state=State(self.state),
            spec=self.spec,
            basis=self.basis,
            total=self.total,
            done=self.done,
            parts=self.parts,
            decisions=self.decisions,
            busy_seconds=self.busy_seconds,
            changed=self.changed,
            result=self.result,
            failure=self.failure,
            created_at=self.created_at,
            began_at=self.began_at,
            ended_at=self.ended_at,
        )


class BacktestPartRow(TenantRow):
    """The totals of one run of requests; all parts together are the result."""

    __tablename__ = "backtest_part"
    __table_args__ = (
        UniqueConstraint("tenant_id", "backtest_id", "number"),
        ForeignKeyConstraint(["tenant_id", "backtest_id"], ["backtest.tenant_id", "backtest.id"]),
    )

    backtest_id: Mapped[UUID]
    number: Mapped[int]
    totals: Mapped[dict[str, Any]]


class BacktestChangeRow(TenantRow):
    """One request that differs, in the order of the history."""

    __tablename__ = "backtest_change"
    __table_args__ = (
        UniqueConstraint("tenant_id", "backtest_id", "place"),
        ForeignKeyConstraint(["tenant_id", "backtest_id"], ["backtest.tenant_id", "backtest.id"]),
    )

    backtest_id: Mapped[UUID]
    place: Mapped[int]
    kinds: Mapped[list[Any]]
    change: Mapped[dict[str, Any]]
