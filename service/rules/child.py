"""The process that may die: `python -m service.rules.child LIMITS`, requests on stdin, replies on stdout.

It holds compiled rule sets and matches facts against them, nothing else: no settings, no database, no
network. It ends with its parent, and when its stdin ends.
"""

import ctypes
import gc
import os
import resource
import signal
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from service.rules.compile.plan import OutOfTime, Plan, TooManyTerms, plan
from service.rules.compile.shape import expression
from service.rules.engine import EnginePoisoned, Handles, Session
from service.rules.frames import (
    FRAME_BYTES_MAX,
    LENGTH_BYTES,
    REQUESTS,
    Answer,
    Answered,
    Ask,
    Done,
    Failed,
    Kept,
    Limits,
    Load,
    Reply,
    Request,
    Smoke,
    Unknown,
    frame,
)
from service.rules.language.effort import Meter
from service.rules.language.values import Facts
from service.rules.memory import resident_bytes

PR_SET_PDEATHSIG = 1
EXIT_ORPHANED = 3
DESCRIPTORS = 1 << 20
FRAME_BUDGETS = 2
"""Budgets of a snapshot that all of one frame may use together: others wait for it."""
PLANNED_PER_TERM = 16
"""Terms of a plan, in Python, that take as much memory as one that C holds."""


@dataclass(frozen=True, slots=True)
class Held:
    plan: Plan
    session: Session


class Shelf:
    """The rule sets kept, the least recently used first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._handles = Handles()
        self._planned = 0
        self._loads = 0
        self._evicted = 0
        self._is_large = False
        self._is_poisoned = False

    def reply(self, request: Request) -> Reply:
        match request:
            case Load():
                return self._load(request)
            case Ask() if request.key in self._held:
                return self._ask(request)
            case Smoke() if request.key in self._held:
                return self._smoke(request)
            case _:
                return Unknown()

    def _load(self, request: Load) -> Reply:
        self._drop(request.key)
        self._loads += 1
        try:
            conditions = [expression(shape) for shape in request.conditions]
            compiled = plan(conditions, terms_max=self._limits.terms_max)
            self._make_room(sum(len(shard.owners) for shard in compiled.certain))
            session = Session(compiled, self._handles)
        except (ValueError, TooManyTerms) as error:
            return Failed(f"cannot be compiled: {error}")
        except (EnginePoisoned, MemoryError) as error:
            self._is_poisoned = True
            return Failed(f"cannot be compiled: {error!r}")
        self._held[request.key] = Held(compiled, session)
        self._planned += compiled.term_count
        gc.freeze()  # what is loaded stays: do not walk it again and again
        self._is_large = resident_bytes() > self._limits.resident_bytes_max
        return self._done(compiled)

    def _done(self, compiled: Plan) -> Done:
        return Done(
            compiled.term_count,
            kept=Kept(rule_sets=len(self._held), terms=self._handles.terms, evicted=self._evicted),
        )

    def _make_room(self, terms: int, *, least: int = 0) -> None:
        """Let go of the rule sets used longest ago, but for the `least` used last."""
        while len(self._held) > least and self._weight() + terms > self._limits.terms_max:
            self._drop(next(iter(self._held)))
            self._evicted += 1

    def _weight(self) -> int:
        """In terms that C holds. A plan takes a part of that, also where C's part is shared."""
        return self._handles.terms + self._planned // PLANNED_PER_TERM

    def _drop(self, key: str) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._planned -= held.plan.term_count
            held.session.close()

    def _ask(self, request: Ask) -> Answered:
        self._held.move_to_end(request.key)
        frame_is_late = Meter(FRAME_BUDGETS * self._limits.budget_seconds, time.process_time)
        answers = [self._answer(request.key, snapshot, frame_is_late) for snapshot in request.snapshots]
        self._make_room(0, least=1)
        return Answered(answers, is_worn=self._is_worn())

    def _is_worn(self) -> bool:
        """Whether it is better to begin anew: what was loaded and let go leaves holes in the memory."""
        return self._is_poisoned or self._is_large or self._loads >= self._limits.loads_max

    def _answer(self, key: str, snapshot: Facts, frame_is_late: Callable[[], bool]) -> Answer:
        held = self._held.get(key)
        if held is None:
            return Answer([], [], "the engine gave up on this rule set")
        try:
            is_late = Meter(self._limits.budget_seconds, time.process_time)
            codes = held.plan.encode(snapshot, is_late=lambda: is_late() or frame_is_late())
            return Answer(*held.session.match(codes))
        except OutOfTime:
            return Answer([], [], f"more than {self._limits.budget_seconds} s of the evaluator")
        except EnginePoisoned as error:
            self._is_poisoned = True
            self._drop(key)
            return Answer([], [], f"the engine failed: {error}")

    def _smoke(self, request: Smoke) -> Reply:
        held = self._held[request.key]
        try:
            held.session.open_all()
        except EnginePoisoned as error:
            self._is_poisoned = True
            return Failed(f"cannot be opened: {error!r}")
        for shard in (*held.plan.certain, *held.plan.possible):
            for term, owners in zip(shard.terms, shard.owners, strict=True):
                codes = [0] * len(held.plan.columns)
                for index, mask in term:
                    codes[index] = (mask & -mask).bit_length() - 1
                true, errors = held.session.match_anew(codes)
                if not {*owners} <= {*true, *errors}:
                    return Failed(f"rules {owners} did not fire when they should")
        return self._done(held.plan)


def confine(limits: Limits) -> None:
    """Take away what the process does not need, and tie it to its parent.

    Raises:
        SystemExit: the parent is gone already.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.closerange(sys.stderr.fileno() + 1, DESCRIPTORS if limit == resource.RLIM_INFINITY else limit)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != limits.parent_pid:
        raise SystemExit(EXIT_ORPHANED)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    if limits.cpu_seconds is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds))


def serve(requests: BinaryIO, replies: BinaryIO, shelf: Shelf) -> None:
    """Answer until the requests end."""
    while length := requests.read(LENGTH_BYTES):
        size = int.from_bytes(length, "big")
        if size > FRAME_BYTES_MAX:
            raise ValueError(f"a request of {size} bytes")
        request = REQUESTS.decode(requests.read(size))
        replies.write(frame(shelf.reply(request)))
        replies.flush()


def main() -> None:
    limits = msgspec.json.decode(sys.argv[1], type=Limits)
    confine(limits)
    serve(sys.stdin.buffer, sys.stdout.buffer, Shelf(limits))


if __name__ == "__main__":
    main()
