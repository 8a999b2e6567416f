"""`rooted demo`, without the command line: replay the sample, show what a newcomer wants to see."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from service.replay import ahead, commands, story
from service.replay import report as reporting
from service.replay.client import Access, Client, open_http
from service.replay.commands import Files, Prepared
from service.replay.mapping import Immaterial
from service.replay.picture import Interval
from service.replay.report import Report
from service.replay.run import CONCURRENCY
from service.replay.steps import Verdict
from service.replay.story import Rule, Story

EXAMPLE = Path(__file__).parents[2] / "examples" / "uci498"

SOURCE = (
    "Real incidents of an IT company, 2016, from the UCI log 498 (Amaral, Fantinato, Peres 2018, "
    "DOI 10.24432/C57S4H, CC BY 4.0)."
)
COLLEAGUES = (("Ada Byron", "agent"), ("Grace Hill", "manager"))
"""Who is told by the ladder that is climbed."""

PLAINLY_LATE = timedelta(hours=6)
"""A lateness that can be seen in the picture."""


class _Commitment(msgspec.Struct, frozen=True):
    """What the demo needs of a commitment, as the API shows it."""

    id: str
    request_id: str
    metric: str
    outcome: str
    started_at: datetime
    due_at: datetime | None = None
    broken_at: datetime | None = None
    fulfilled_at: datetime | None = None
    lateness_seconds: float = 0.0

    @property
    def took(self) -> timedelta:
        return timedelta.max if self.fulfilled_at is None else self.fulfilled_at - self.started_at

    @property
    def late(self) -> timedelta:
        return timedelta(seconds=self.lateness_seconds)


class _Interval(msgspec.Struct, frozen=True):
    start: datetime
    end: datetime
    spent: str
    cause: str | None = None


class _Line(msgspec.Struct, frozen=True):
    commitment: _Commitment
    intervals: list[_Interval]


class _Timeline(msgspec.Struct, frozen=True):
    commitments: list[_Line]


class _Rule(msgspec.Struct, frozen=True):
    rule_id: str
    when: str
    because: str
    counts: bool
    explanation: dict[str, Any]


class _Why(msgspec.Struct, frozen=True):
    rules: list[_Rule]


def sample(folder: Path = EXAMPLE) -> Files:
    """The bundled sample, without the rows that change nothing: the demo is to be short."""
    return Files(
        mapping=folder / "mapping.yaml",
        log=folder / "sample.csv.xz",
        policies=[folder / "policy.json"],
        calendars=[folder / "calendar.json"],
        immaterial=Immaterial.DROPPED,
    )


async def demo(access: Access, prepared: Prepared, *, console: Console, serving: bool) -> Report:
    """Replay the sample and show what came of it.

    Args:
        access: to a sandbox tenant whose clock stands at `prepared.clock_at` or earlier.
        prepared: of `sample()`.
        console: where to show it.
        serving: whether the server goes on after this, so that the curl lines can be tried.

    Raises:
        ReplayRefused, ClockPast, ServerUnreachable
    """
    async with open_http(access.base_url, connections=CONCURRENCY) as http:
        return await shown(Client(http, access), prepared, console=console, serving=serving)


async def shown(
    client: Client, prepared: Prepared, *, console: Console, serving: bool, concurrency: int = CONCURRENCY
) -> Report:
    """The same with a client at hand."""
    console.print(SOURCE, highlight=False)
    report, requests = await commands.replay_with(client, prepared, console=console, concurrency=concurrency)
    console.print()
    reporting.show(report, console)
    example = await _example(client, prepared.plan.verdicts, requests, metric=prepared.plan.metric)
    if example is not None:
        console.rule("One broken promise", align="left", characters="-")
        for line in story.told(example):
            console.print(line, markup=False, highlight=False)
    async for title, lines in ahead.stories(client, prepared.setup.policies):
        console.print()
        console.rule(title, align="left", characters="-")
        for line in lines:
            console.print(line, markup=False, highlight=False)
    console.print()
    console.rule("Go on", align="left", characters="-")
    await _show_way_on(client, requests, example, console=console, serving=serving)
    return report


async def _example(
    client: Client, verdicts: Mapping[str, Verdict], requests: Mapping[str, str], *, metric: str
) -> Story | None:
    """A broken promise of the largest group, such as the log calls broken too, and plainly late.

    Of these the one that took the least time: it is the easiest to look at.
    """
    cases = {request_id: case for case, request_id in requests.items()}
    found = [
        commitment
        async for commitment in client.items("/v1/commitments", _Commitment, outcome="broken")
        if commitment.metric == metric and commitment.request_id in cases
    ]
    if not found:
        return None
    groups = Counter(verdicts[cases[one.request_id]].group for one in found)
    usual, _ = groups.most_common(1)[0]

    def unfit(one: _Commitment) -> tuple[bool, bool, bool, timedelta, str]:
        case = cases[one.request_id]
        verdict = verdicts[case]
        plain = one.late >= PLAINLY_LATE
        return verdict.group != usual, verdict.kept is not False, not plain, one.took, case

    chosen = min(found, key=unfit)
    case = cases[chosen.request_id]
    return await _story(client, chosen, case, verdicts[case].group)


async def _story(client: Client, commitment: _Commitment, case: str, group: str) -> Story:
    path = f"/v1/requests/{commitment.request_id}"
    timeline = await client.fetch(f"{path}/timeline", _Timeline)
    why = await client.fetch(f"{path}/why", _Why)
    line = next(line for line in timeline.commitments if line.commitment.id == commitment.id)
    return Story(
        case=case,
        group=group,
        metric=commitment.metric,
        started_at=commitment.started_at,
        due_at=commitment.due_at,
        broken_at=commitment.broken_at,
        fulfilled_at=commitment.fulfilled_at,
        intervals=[Interval(one.start, one.end, one.spent, one.cause) for one in line.intervals],
        rules=[
            Rule(rule.rule_id, rule.when, rule.because, rule.counts, rule.explanation.get("result"))
            for rule in why.rules
        ],
    )


async def _show_way_on(
    client: Client, requests: Mapping[str, str], example: Story | None, *, console: Console, serving: bool
) -> None:
    """The address, a token and three lines for a shell; unwrapped, so that they can be copied."""
    case = example.case if example is not None else next(iter(requests), "")
    stops = "" if serving else "This server stops now: `rooted demo --serve` keeps one running."
    for line in (stops, *_shell(client.base_url, await client.token(), requests.get(case, ""))):
        if line:
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _shell(url: str, token: str, request_id: str) -> Iterator[str]:
    yield f"URL={url}"
    yield f"TOKEN={token}"
    yield f'curl -s -H "Authorization: Bearer $TOKEN" $URL/v1/requests/{request_id}/why'
    yield 'curl -s -H "Authorization: Bearer $TOKEN" "$URL/v1/commitments?outcome=broken&limit=3"'
    yield (
        'curl -s -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: my-first" -H "Content-Type: '
        'application/json" $URL/v1/requests -d \'{"source": "me", "external_id": "1", "type": "incident", '
        '"facts": {"priority": "2 - High"}}\''
    )
