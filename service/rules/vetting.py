"""Try a rule set in a process of its own before it is published: every term must fire once."""

import asyncio
from dataclasses import dataclass

import msgspec

from service.rules.compile.shape import shape
from service.rules.frames import REPLIES, Done, Failed, Limits, Load, Reply, Smoke, frame
from service.rules.matching import RuleSet
from service.rules.slot import Pipe, end, spawn

VETTING = Limits(cpu_seconds=10)


@dataclass(frozen=True, slots=True)
class Vetted:
    """Whether the engine takes a rule set. If not, the reference evaluator still does.

    Attributes:
        terms: what it costs to keep; about 29 KB each in C.
        refusal: why the engine does not take it, or None.
    """

    terms: int
    refusal: str | None


async def vet(ruleset: RuleSet, *, limits: Limits = VETTING, seconds: float = 20.0) -> Vetted:
    """Compile and smoke-test the rule set where nothing else can be hurt.

    Args:
        ruleset: any; nothing of it is trusted.
        limits: of the process, processor time among them.
        seconds: wall time for all of it.

    Raises:
        OSError: the system does not start processes now.
    """
    replies: asyncio.Queue[Reply | None] = asyncio.Queue()

    def replied(_: Pipe, body: bytes) -> None:
        replies.put_nowait(REPLIES.decode(body))

    child = await spawn(limits, replied, lambda _: replies.put_nowait(None))
    try:
        async with asyncio.timeout(seconds):
            return await _tried(child, ruleset, replies)
    except TimeoutError:
        return Vetted(0, f"it took longer than {seconds} s")
    except (ValueError, msgspec.DecodeError) as error:
        return Vetted(0, str(error))
    finally:
        child.dismiss()
        await end(child, grace_seconds=0.2)


async def _tried(child: Pipe, ruleset: RuleSet, replies: asyncio.Queue[Reply | None]) -> Vetted:
    terms = 0
    load = Load(ruleset.key, list(map(shape, ruleset.conditions)))
    for request in (load, Smoke(ruleset.key)):
        child.write(frame(request))
        reply = await replies.get()
        match reply:
            case Done():
                terms = reply.terms
            case Failed():
                return Vetted(0, reply.reason)
            case _:
                return Vetted(0, f"the process ended with {child.return_code}")
    return Vetted(terms, None)
