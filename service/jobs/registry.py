"""Names of jobs and their functions. Nothing here knows what a job does."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from service.clock import Clock
from service.db import Sessions

T = TypeVar("T")

Run = Callable[..., Awaitable[None]]
"""`async def run(tools: Tools, *, tenant_id: UUID, …)`: locks, re-checks, acts; safe to repeat."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a job works with. What only some jobs need is a part, found by its class."""

    sessions: Sessions
    clock: Clock
    parts: Mapping[type, object]

    def part(self, kind: type[T]) -> T:
        """The part of this class.

        Raises:
            LookupError: the worker was composed without it.
        """
        found = self.parts.get(kind)
        if isinstance(found, kind):
            return found
        raise LookupError(f"the worker has no {kind.__name__}")


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of job.

    Attributes:
        max_attempts: after so many failures in a row a job is held for an operator; it is never dropped.
        given_up: run when it is held, so that whoever waits for it is told; None where nobody does.
    """

    name: str
    run: Run
    max_attempts: int
    given_up: Run | None = None


_jobs: dict[str, Job] = {}


def job(name: str, *, max_attempts: int, given_up: Run | None = None) -> Callable[[Run], Run]:
    """Register a function under a stable name; renaming the function never orphans queued jobs."""

    def register(run: Run) -> Run:
        if name in _jobs:
            raise ValueError(f"job {name!r} is registered twice")
        _jobs[name] = Job(name, run, max_attempts, given_up)
        return run

    return register


def registered() -> Mapping[str, Job]:
    """The jobs of all modules imported so far."""
    return MappingProxyType(_jobs)
