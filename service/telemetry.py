"""What the service tells about itself: log lines as JSON on stderr, and metrics for Prometheus.

A line never holds headers, tokens or bodies; a metric never has a label per tenant.
"""

import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from asyncpg import PostgresError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from structlog.tracebacks import ExceptionDictTransformer

from service import ids

REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,127}")
"""A request id that we take over: nothing in it can break out of a log line or a header."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
METRICS_TYPE = "text/plain; version=0.0.4"


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one process. The parts of it add their own; each name once."""

    registry: CollectorRegistry = field(default_factory=lambda: CollectorRegistry(auto_describe=True))

    def counter(self, name: str, description: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, description, labels, registry=self.registry)

    def gauge(self, name: str, description: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(name, description, labels, registry=self.registry)

    def histogram(
        self, name: str, description: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = SECONDS
    ) -> Histogram:
        return Histogram(name, description, labels, registry=self.registry, buckets=buckets)

    def exposition(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        return generate_latest(self.registry)


def configure_logging(level: str) -> None:
    """Write JSON lines to stderr from now on, those of libraries included.

    Args:
        level: the least severe one that is written: debug, info, warning or error.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(traceback_of),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(sort_keys=True)],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(sort_keys=True),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=max(least, logging.WARNING), force=True)


def traceback_of(exc_info: structlog.typing.ExcInfo) -> list[dict[str, Any]]:
    """A traceback as data: no local values, and nothing of what the database says, which quotes rows."""
    stacks = _TRACEBACK(exc_info)
    error: BaseException | None = exc_info[1]
    while error is not None:
        if isinstance(error, (SQLAlchemyError, PostgresError)):
            return [stack | {"exc_value": getattr(error, "code", None) or ""} for stack in stacks]
        error = error.__cause__ or error.__context__
    return stacks


_TRACEBACK = ExceptionDictTransformer(show_locals=False)


def request_id(offered: str | None) -> str:
    """The caller's own request id when it is a harmless one, else a new one."""
    if offered is not None and REQUEST_ID.fullmatch(offered):
        return offered
    return str(ids.new_id())
