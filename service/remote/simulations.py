"""Tries a policy on one request or on hand-made facts: asks the server, and says what it answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from service.instants import rfc3339
from service.remote import backtest_report, policies
from service.remote.errors import NameUnknown
from service.remote.files import PolicyFile
from service.replay.client import Answer, Client

INDENT = "  "
NOTICES_SHOWN = 20


class Promise(msgspec.Struct, frozen=True):
    """A promise as it would stand."""

    metric: str
    target: dict[str, Any]
    outcome: str
    due_at: datetime | None = None
    warn_at: datetime | None = None


class Notice(msgspec.Struct, frozen=True):
    """A step of a ladder that would be told."""

    at: datetime
    ladder: str
    step: str
    to: list[str]
    repeat: int = 0


class Rule(msgspec.Struct, frozen=True):
    """One rule, matched or not, with the values that decided it."""

    kind: str
    rule_id: str
    because: str
    asked: bool
    counts: bool
    when: str | None = None
    explanation: dict[str, Any] | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What follows from some versions."""

    versions: list[str]
    verdict: dict[str, Any]
    ladders: list[str]
    promises: list[Promise]
    degraded: bool
    rules: list[Rule]
    derived: dict[str, Any] = {}
    notices: list[Notice] = []
    ladders_unknown: list[str] = []
    reason: str | None = None


class Simulation(msgspec.Struct, frozen=True):
    """What would follow, and what follows from the versions in effect."""

    at: datetime
    differs_from_current: bool
    simulated: Outcome
    current: Outcome


@dataclass(frozen=True, slots=True)
class Tried:
    """What is tried: a document for the policy of its name, or the newest version of one that is there."""

    name: str
    file: PolicyFile | None


async def simulate(client: Client, tried: Tried, on: Mapping[str, object]) -> Answer:
    """What the server answers, as it came; `on` says on what, as in the body of the operation.

    Raises:
        NameUnknown, PolicyRefused, ReplayRefused, ServerUnreachable
    """
    known = await policies.named(client)
    policy = known.get(tried.name)
    if policy is None:
        raise NameUnknown("policy", tried.name, sorted(known))
    document = {} if tried.file is None else {"document": tried.file.document}
    path = f"{policies.POLICIES}/{policy.id}/simulate"
    answer = await client.send("POST", path, {**document, **on})
    if answer.problem is not None and tried.file is not None:
        raise policies.refusal(tried.file, answer.status, answer.problem)
    return answer.accepted(f"to simulate {tried.name!r}")


def told(simulation: Simulation) -> Iterator[str]:
    """The lines, for people."""
    yield f"As of {rfc3339(simulation.at)}:"
    yield from _outcome(simulation.simulated)
    if not simulation.differs_from_current:
        yield "The versions in effect say the same."
        return
    yield f"The versions in effect ({_names(simulation.current.versions)}) say something else:"
    yield from _outcome(simulation.current, in_full=False)


def _outcome(outcome: Outcome, *, in_full: bool = True) -> Iterator[str]:
    reason = f": {outcome.reason}" if outcome.reason else ""
    yield f"{INDENT}verdict {_verdict(outcome.verdict)}{reason}"
    for name, value in outcome.derived.items():
        yield f"{INDENT}derived {name}: {msgspec.json.encode(value).decode()}"
    for promise in outcome.promises:
        yield f"{INDENT}{_promise(promise)}"
    yield from _escalated(outcome)
    if outcome.degraded:
        yield f"{INDENT}degraded: something could not be evaluated that might have changed the answer"
    for rule in outcome.rules:
        if rule.counts:
            yield f"{INDENT}by rule {rule.rule_id} ({rule.kind}): {rule.because}"
        if in_full:
            yield from _trace(rule)


def _verdict(verdict: Mapping[str, Any]) -> str:
    beside = {name: value for name, value in verdict.items() if name != "verdict" and value is not None}
    told = ", ".join(f"{name} {_json(value)}" for name, value in beside.items())
    return f"{verdict.get('verdict', '')} ({told})" if told else str(verdict.get("verdict", ""))


def _promise(promise: Promise) -> str:
    due = "" if promise.due_at is None else f", due {rfc3339(promise.due_at)}"
    warned = "" if promise.warn_at is None else f", warned of {rfc3339(promise.warn_at)}"
    return f"{promise.metric} in {backtest_report.target(promise.target)}{due}{warned}: {promise.outcome}"


def _escalated(outcome: Outcome) -> Iterator[str]:
    for ladder in outcome.ladders:
        missing = ", which there is not" if ladder in outcome.ladders_unknown else ""
        yield f"{INDENT}escalated by {ladder}{missing}"
    for notice in outcome.notices[:NOTICES_SHOWN]:
        yield f"{INDENT}{_notice(notice)}"
    left = len(outcome.notices) - NOTICES_SHOWN
    if left > 0:
        yield f"{INDENT}and {left} notices more"


def _notice(notice: Notice) -> str:
    again = f" again ({notice.repeat})" if notice.repeat else ""
    whom = ", ".join(notice.to) or "nobody, for want of anybody"
    return f"{rfc3339(notice.at)} {notice.ladder}/{notice.step}{again} tells {whom}"


def _trace(rule: Rule) -> Iterator[str]:
    """Why a rule matched or did not; what was followed is said already."""
    name = f"rule {rule.rule_id} ({rule.kind})"
    why = rule.explanation or {}
    if not rule.asked:
        yield f"{INDENT}not asked: {name}"
    elif rule.counts:
        yield from _parts(why, depth=2)
    else:
        matches = "matches too" if why.get("result") is True else "not by"
        yield f"{INDENT}{matches} {name}: {_worth(why)}"
        for part in why.get("because", []):
            yield from _parts(part, depth=2)


def _parts(explanation: Mapping[str, Any], *, depth: int) -> Iterator[str]:
    """Each part of a condition with its value; a fact's own below the comparison that reads it."""
    yield f"{INDENT * depth}{_worth(explanation)}"
    for part in explanation.get("because", []):
        yield from _parts(part, depth=depth + 1)


def _worth(explanation: Mapping[str, Any]) -> str:
    """A part of a condition, and its value or why it has none."""
    expression, result = explanation.get("expression", ""), explanation.get("result")
    match result:
        case {"error": str(reason)}:
            return f"{expression} cannot be told: {reason}"
        case _:
            return f"{expression} is {_json(result)}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _names(names: list[str]) -> str:
    return ", ".join(names) or "none"
