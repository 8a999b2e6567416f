"""What the demo does after the log: a promise renegotiated in advance, and an escalation climbing a ladder.

Two requests more, through the API, on the same sandbox tenant: what is forecast of them comes from the log.
"""

import copy
import textwrap
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from service.instants import rfc3339
from service.replay import sandbox
from service.replay.client import Client, key_of

RENEGOTIATE_ABOVE = 0.8
SOURCE = "demo"
USUAL, CRITICAL = "3 - Moderate", "1 - Critical"
LATER = timedelta(days=2)
"""By how much the promise is to be put off."""
HOUR = timedelta(hours=1)
WIDTH = 80
INDENT = " " * 18

LADDER: Mapping[str, object] = {
    "name": "demo-on-call",
    "definition": {
        "steps": [
            {
                "name": "half used",
                "at": {"anchor": "used", "share": 0.5},
                "tell": [{"role": "agent"}],
                "repeat": {"every_seconds": 1800, "times": 10},
            },
            {
                "name": "three quarters used",
                "at": {"anchor": "used", "share": 0.75},
                "tell": [{"role": "manager"}],
            },
            {"name": "broken", "at": {"anchor": "breach"}, "tell": [{"role": "manager"}]},
        ]
    },
}
CLIMBED: Mapping[str, object] = {
    "name": "demo-escalation",
    "kind": "escalation",
    "document": {
        "rules": [
            {
                "id": "critical",
                "when": f'request.priority == "{CRITICAL}"',
                "then": {"ladder": LADDER["name"]},
                "because": "What stops a business is looked after until somebody has taken it.",
            }
        ]
    },
}


class _Id(msgspec.Struct, frozen=True):
    id: str


class _Named(msgspec.Struct, frozen=True):
    id: str
    name: str


class _Member(msgspec.Struct, frozen=True):
    id: str
    name: str
    roles: list[str]
    state: str


class _Forecast(msgspec.Struct, frozen=True):
    promises: int
    miss_chance: float | None
    at_risk_at: datetime | None


class _Promise(msgspec.Struct, frozen=True):
    id: str
    outcome: str
    due_at: datetime | None
    at_risk_at: datetime | None
    announced_at: datetime | None
    silent: bool
    forecast: _Forecast | None


class _Accepted(msgspec.Struct, frozen=True):
    id: str
    commitments: list[_Id]


class _Answered(msgspec.Struct, frozen=True):
    id: str
    in_advance: bool
    revised_id: str | None


class _Run(msgspec.Struct, frozen=True):
    id: str
    state: str
    end_cause: str | None


class _Notice(msgspec.Struct, frozen=True):
    step: str | None
    repeat: int | None
    name: str | None
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """What happened, and when."""

    at: datetime
    text: str


@dataclass(slots=True)
class _Stage:
    """A sandbox tenant, its clock, and what has happened on it so far."""

    client: Client
    now: datetime
    lines: list[Line] = field(default_factory=list[Line])
    deeds: int = 0

    def say(self, text: str, *, at: datetime | None = None) -> None:
        self.lines.append(Line(at or self.now, text))

    async def until(self, at: datetime) -> None:
        if at > self.now:
            await sandbox.move(self.client, at, key=key_of(SOURCE, "clock", rfc3339(at)))
            self.now = at

    async def do(self, path: str, body: Mapping[str, object]) -> bytes:
        self.deeds += 1
        answer = await self.client.post(path, body, key=key_of(SOURCE, rfc3339(self.now), str(self.deeds)))
        return answer.accepted(f"POST {path}").body

    async def promise(self, promise_id: str) -> _Promise:
        return await self.client.fetch(f"/v1/commitments/{promise_id}", _Promise)

    async def submit(self, case: str, title: str, priority: str) -> tuple[str, _Promise]:
        """A request of today, and what is promised."""
        body = {
            "source": SOURCE,
            "external_id": case,
            "type": "incident",
            "title": title,
            "facts": {"priority": priority},
        }
        accepted = msgspec.json.decode(await self.do("/v1/requests", body), type=_Accepted)
        return accepted.id, await self.promise(accepted.commitments[0].id)

    async def close(self, request_id: str) -> None:
        await self.do(f"/v1/requests/{request_id}/events", {"type": "changed", "state": "closed"})


def told(lines: Sequence[Line]) -> Iterator[str]:
    """The lines, each with its time, within 80 columns."""
    for line in lines:
        stamp = _moment(line.at).ljust(len(INDENT))
        yield from textwrap.wrap(line.text, WIDTH, initial_indent=stamp, subsequent_indent=INDENT)


async def stories(
    client: Client, policies: Sequence[Mapping[str, Any]]
) -> AsyncIterator[tuple[str, list[str]]]:
    """Play both, and tell of each with its title.

    Args:
        client: of the sandbox tenant on which the log was replayed.
        policies: by which its promises were made, as they were created.

    Raises:
        ReplayRefused, ServerUnreachable
    """
    stage = _Stage(client, await sandbox.now(client))
    await _ask_for_renegotiation(stage, policies)
    await stage.until(_next_monday(stage.now))
    yield "A promise that is renegotiated in advance", list(told(await _renegotiated(stage)))
    stage = _Stage(client, stage.now, deeds=stage.deeds)
    await stage.until(_next_monday(stage.now))
    people = [one async for one in client.items("/v1/members", _Member) if one.state == "active"]
    agents = [one for one in people if "agent" in one.roles]
    if agents:
        yield "An escalation that climbs a ladder", list(told(await _escalated(stage, agents[0])))


async def _ask_for_renegotiation(stage: _Stage, policies: Sequence[Mapping[str, Any]]) -> None:
    """Publish the log's policies anew: what is likelier missed than the level is to be renegotiated."""
    found = {one.name: one.id async for one in stage.client.items("/v1/policies", _Named)}
    for policy in policies:
        path = f"/v1/policies/{found[policy['name']]}"
        tag = (await stage.client.get(path)).accepted(f"GET {path}").tag
        body = {"document": renegotiating(policy["document"])}
        answer = await stage.client.send("PUT", path, body, headers={"If-Match": tag})
        answer.accepted(f"PUT {path}")
        await stage.do(f"{path}/publish", {})


def renegotiating(document: Mapping[str, Any]) -> dict[str, Any]:
    """The policy, in which each promise is to be renegotiated above the level."""
    revised = copy.deepcopy(dict(document))
    for rule in revised["rules"]:
        for promise in rule["then"]["promises"]:
            promise["renegotiate_above"] = RENEGOTIATE_ABOVE
    return revised


async def _renegotiated(stage: _Stage) -> list[Line]:
    request_id, original = await stage.submit("D-1", "The archive loses attachments", USUAL)
    due_at = original.due_at or stage.now
    stage.say(f"Submitted, {USUAL}. Promised to be resolved by {_moment(due_at)}.")
    risky_at = _foretold(stage, original)
    await stage.until(risky_at or stage.now + (due_at - stage.now) / 2)
    await _say_at_risk(stage, original.id)
    await stage.until(stage.now + HOUR)
    proposed = msgspec.json.decode(
        await stage.do(
            f"/v1/commitments/{original.id}/renegotiations",
            {
                "reason": "The maker's correction comes later than announced.",
                "tried": "Two earlier versions; both lose attachments too.",
                "remedies": [
                    {
                        "kind": "workaround",
                        "description": "Attachments are kept on the old archive meanwhile.",
                    }
                ],
                "due_at": rfc3339(due_at + LATER),
            },
        ),
        type=_Answered,
    )
    advance = "in advance" if proposed.in_advance else "late"
    stage.say(f"Proposed {advance}: by {_moment(due_at + LATER)}, with the reason and a workaround.")
    await stage.until(stage.now + HOUR)
    answer = await stage.do(f"/v1/renegotiations/{proposed.id}/answer", {"reply": "understood"})
    revised_id = msgspec.json.decode(answer, type=_Answered).revised_id or ""
    stage.say("The user has understood. The revised promise stands beside the original.")
    await stage.until(due_at + timedelta(minutes=1))
    original = await stage.promise(original.id)
    silent = "silently" if original.silent else "announced, not silently"
    stage.say(f"The original is {original.outcome}: {silent}.")
    await stage.until(due_at + LATER / 2)
    await stage.close(request_id)
    revised = await stage.promise(revised_id)
    stage.say(f"Closed. The revised promise is {revised.outcome}; the original stays {original.outcome}.")
    return stage.lines


def _foretold(stage: _Stage, promise: _Promise) -> datetime | None:
    """Say what is forecast; when the promise will be at risk."""
    forecast = promise.forecast
    if forecast is None or forecast.miss_chance is None:
        stage.say("Too few promises like it have been fulfilled yet for a forecast.")
        return None
    like_it = f"{forecast.promises:,} promises like it"
    stage.say(f"A miss is {forecast.miss_chance:.0%} likely, by what became of {like_it}.")
    return forecast.at_risk_at


async def _say_at_risk(stage: _Stage, promise_id: str) -> None:
    promise = await stage.promise(promise_id)
    if promise.at_risk_at is None or promise.forecast is None:
        return
    stage.say(
        f"At risk: not resolved yet, so that a miss is {promise.forecast.miss_chance or 0:.0%} likely by now,"
        f" more than the {RENEGOTIATE_ABOVE:.0%} of the policy. It is to be renegotiated.",
        at=promise.at_risk_at,
    )


async def _escalated(stage: _Stage, agent: _Member) -> list[Line]:
    await stage.do("/v1/ladders", LADDER)
    created = msgspec.json.decode(await stage.do("/v1/policies", CLIMBED), type=_Id)
    await stage.do(f"/v1/policies/{created.id}/publish", {})
    request_id, promise = await stage.submit("D-2", "Nobody can log in", CRITICAL)
    started_at, due_at = stage.now, promise.due_at or stage.now
    stage.say(f"Submitted, {CRITICAL}. Promised to be resolved by {_moment(due_at)}.")
    [run] = [one async for one in stage.client.items("/v1/escalations", _Run, request_id=request_id)]
    await stage.until(started_at + (due_at - started_at) * 0.75 + timedelta(minutes=10))
    await _say_notices(stage, run.id)
    await stage.do(f"/v1/escalations/{run.id}/acknowledgement", {"by": agent.id})
    stage.say(f"{agent.name} has taken it. Nobody else is told.")
    acknowledged_at = stage.now
    await stage.until(due_at - HOUR)
    later = [one async for one in stage.client.items("/v1/notices", _Notice, escalation_id=run.id)]
    quiet = sum(one.given_at > acknowledged_at for one in later)
    await stage.close(request_id)
    promise = await stage.promise(promise.id)
    run = await stage.client.fetch(f"/v1/escalations/{run.id}", _Run)
    stage.say(
        f"Closed: the promise is {promise.outcome}, the ladder is {run.state}. Notices since then: {quiet}."
    )
    return stage.lines


async def _say_notices(stage: _Stage, run_id: str) -> None:
    notices = [one async for one in stage.client.items("/v1/notices", _Notice, escalation_id=run_id)]
    for one in sorted(notices, key=lambda one: one.given_at):
        again = f", again ({one.repeat})" if one.repeat else ""
        stage.say(f"{one.step}: {one.name} is told{again}.", at=one.given_at)


def _next_monday(at: datetime) -> datetime:
    """Eight o'clock (UTC) of the next Monday."""
    day = at.replace(hour=8, minute=0, second=0, microsecond=0)
    return day + timedelta(days=7 - day.weekday())


def _moment(at: datetime) -> str:
    return f"{at:%a %d %b %H:%M}"
