"""What some policies say to past requests: each snapshot of facts is decided on once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID

import msgspec

from service.backtests.effects import OF_VERDICT, Effect
from service.backtests.errors import Unjudgeable
from service.backtests.tellings import Point
from service.backtests.windows import WindowGate, windows_of
from service.commitments.domain import CalendarKey, Terms
from service.commitments.promises import COMMITMENT
from service.escalations import climbs
from service.escalations.climbs import ESCALATION, Climb
from service.ids import DecisionId
from service.rationalization import verdicts
from service.rationalization.kind import RATIONALIZATION
from service.rationalization.verdicts import ACCEPTED, Accept, Gate, Verdict
from service.recent import Recent
from service.requests import judging
from service.requests.domain import Facts
from service.requests.domain.decisions import OWN_AFFAIRS
from service.rules import deciding
from service.rules.deciding import Effective
from service.rules.domain import Answer, Decided, Kind
from service.rules.language.types import STRING, Declarations
from service.rules.matching import Engine
from service.tenants.domain import Client

RULINGS_KEPT = 20_000
BESIDE = OWN_AFFAIRS | {"verdict"}
"""What a verdict says that is looked at by itself, or that is the tenant's own affair."""
NO_DECISION = DecisionId(UUID(int=0))

CUSTOM = frozenset({"request.custom", "client.custom"})
"""Groups of facts of the tenant's own making, in which only some are read."""

VALUES_MAX = 500
"""A group of more facts than that counts as a whole: so many may be too many to be read at all."""

WRITTEN_BY_US = frozenset({"request.opened_at"})
"""What is right by the way it came about."""

SCOPED = frozenset({"request.type", "service.name", "client.name"})
"""What says whether a policy is for a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One policy that was asked.

    Attributes:
        matched: the ids of the rules that match.
        followed: of those that count.
    """

    label: str
    matched: tuple[str, ...]
    followed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What follows from one snapshot of facts, as far as a backtest compares it.

    Attributes:
        reason: of the verdict; None where no rule says anything of the demand.
        proposal: what else the verdict says to the requester, as a rule writes it.
        gates: what it requires, likewise.
        windows: those of them that are judged by a calendar.
        is_plain: whether nothing follows from the verdict but that work may start.
        rules: the rules that count, by kind: each with the label of its policy.
        terms: of what is promised.
        is_usual: whether no rule promises anything, and the tenant's default promise is given.
        absent: the facts that the policies read, and the snapshot does not have.
    """

    verdict: str
    reason: str | None = None
    proposal: Mapping[str, Any] = field(default_factory=dict[str, Any])
    gates: tuple[Mapping[str, Any], ...] = ()
    windows: tuple[WindowGate, ...] = ()
    is_plain: bool = False
    climbs: tuple[Climb, ...]
    rules: Mapping[str, tuple[str, ...]]
    terms: tuple[Terms, ...]
    is_usual: bool
    degraded: bool
    asked: tuple[Asked, ...]
    absent: frozenset[str]

    @property
    def effect(self) -> Effect:
        """What the verdict does to its request by itself."""
        return OF_VERDICT.get(self.verdict, Effect.NONE)

    def requiring(self, gates: Sequence[Gate]) -> "Ruling":
        """The same with what the type of the request requires beside; what is over requires nothing."""
        if not gates or self.effect is Effect.ENDS:
            return self
        asked = Accept(requires=[gate for gate in gates if msgspec.to_builtins(gate) not in self.gates])
        return replace(
            self,
            gates=self.gates + tuple(msgspec.to_builtins(asked.requires)),
            windows=self.windows + windows_of(asked),
            is_plain=False,
        )

    @property
    def ladders(self) -> tuple[str, ...]:
        """The names of the ladders that are climbed, each once."""
        return tuple(dict.fromkeys(climb.ladder for climb in self.climbs))

    def differs_from(self, other: "Ruling") -> bool:
        """Whether something else follows, by whatever rule."""
        return self.followed != other.followed

    @property
    def followed(self) -> tuple[object, ...]:
        """All that follows."""
        return self.verdict, self.reason, self.proposal, self.gates, self.climbs, self.terms


OF_CALENDARS = frozenset({"client.calendar", "service.hours", "group.calendar", "request.custom.calendar"})
"""What names the calendar that a promise may count by."""


class Side:
    """The policies of one side of the comparison: those in effect, or those that are tried.

    What was decided on a snapshot is remembered, by all of it that can make a difference: see `_Key`.

    Args:
        engine: matches the rules.
        kinds: in the order in which they are asked.
        policies: by kind, in the order in which they are asked.
        labels: what each version is called, by its id.
        calendars: the version of each calendar, by its name.
        rulings_kept: how many are remembered; 0 remembers none.
    """

    def __init__(
        self,
        engine: Engine,
        kinds: Sequence[Kind],
        policies: Mapping[str, Sequence[Effective]],
        *,
        labels: Mapping[UUID, str],
        calendars: Mapping[str, UUID],
        rulings_kept: int = RULINGS_KEPT,
    ) -> None:
        self._engine = engine
        self._kinds = kinds
        self._policies = policies
        self._labels = labels
        self._calendars = calendars
        self._kept: Recent[bytes, Ruling] = Recent(rulings_kept)
        self._remembers = rulings_kept > 0
        self.reads = frozenset[str]().union(
            *(policy.document.reads for each in policies.values() for policy in each)
        )
        declared = [policy.document.declarations for each in policies.values() for policy in each]
        self._key = _Key(self.reads, declared)

    @property
    def rules(self) -> dict[str, list[str]]:
        """The ids of all rules, by the label of their policy."""
        return {
            self._labels[policy.ref.version_id]: [rule.id for rule in policy.document.rules]
            for each in self._policies.values()
            for policy in each
        }

    def calendar(self, name: str) -> CalendarKey | None:
        """The version that a calendar's name stands for, if there is one."""
        version = self._calendars.get(name)
        return None if version is None else CalendarKey(str(version))

    async def ruling(self, point: Point, client: Client | None) -> Ruling:
        """What follows from the facts of `point`.

        Raises:
            Unjudgeable: a calendar that it counts by is not there.
        """
        if not self._remembers:
            return await self._ruled(point, client)
        key = self._key.of(point.facts)
        ruling = self._kept.get(key)
        if ruling is None:
            ruling = await self._ruled(point, client)
            self._kept.put(key, ruling)
        return ruling

    async def _ruled(self, point: Point, client: Client | None) -> Ruling:
        decided = await deciding.decide(self._engine, self._kinds, self._policies, point.facts)
        judged = judging.judge(decided, client, (), decision_id=NO_DECISION, now=point.now)
        if missing := judged.calendars - self._calendars.keys():
            raise Unjudgeable(f"There is no calendar {min(missing)!r}.")
        known = (judged.calendars | judged.wanted) & self._calendars.keys()
        _, terms = judging.with_calendars(judged, {name: self._calendars[name] for name in known})
        said = decided.of(RATIONALIZATION.name)
        verdict = said.outcome if isinstance(said.outcome, Verdict) else ACCEPTED
        written = RATIONALIZATION.write_outcome(verdict)
        climbed = decided.of(ESCALATION.name).outcome
        return Ruling(
            verdict=written["verdict"],
            reason=said.winners[0].rule.because if said.winners else None,
            proposal={name: value for name, value in written.items() if name not in BESIDE},
            gates=tuple(written.get("requires", ())),
            windows=windows_of(verdict),
            is_plain=verdicts.is_plain(verdict),
            climbs=() if climbed is None else tuple(climbs.climbs_of(climbed)),
            rules={answer.kind: self._followed(answer) for answer in decided.answers if answer.winners},
            terms=terms,
            is_usual=not decided.of(COMMITMENT.name).winners,
            degraded=decided.degraded,
            asked=tuple(self._asked(decided)),
            absent=frozenset(name for name in self.reads if not _has(decided.facts, name)),
        )

    def _followed(self, answer: Answer) -> tuple[str, ...]:
        return tuple(f"{self._labels[each.ref.version_id]}/{each.rule.id}" for each in answer.winners)

    def _asked(self, decided: Decided) -> list[Asked]:
        return [
            Asked(
                label=self._labels[consulted.ref.version_id],
                matched=consulted.matched,
                followed=tuple(each.rule.id for each in answer.winners if each.ref == consulted.ref),
            )
            for answer in decided.answers
            for consulted in answer.consulted
        ]


class _Key:
    """Tells by which part of a snapshot it is decided.

    That is what the rules read or are chosen by, the calendar of the client, and whatever might not be of the
    type it is declared with: that leaves a doubt about the decision, whether it is read or not.

    Args:
        reads: the dotted names of what the rules read.
        declared: the facts that each document knows.
    """

    def __init__(self, reads: frozenset[str], declared: Sequence[Declarations]) -> None:
        self._part = reads | SCOPED | OF_CALENDARS
        no_texts = {name for known in declared for name, fact in known.items() if fact.type != STRING}
        self._no_texts = no_texts - WRITTEN_BY_US

    def of(self, facts: Facts) -> bytes:
        """Snapshots of one key are decided on alike. JSON tells true from 1, and 1 from 1.0."""
        found: list[object] = []
        self._collect(facts, "", found)
        return msgspec.json.encode(found)

    def _collect(self, values: Facts, place: str, found: list[object]) -> None:
        if len(values) > VALUES_MAX:
            found.append(values)
            return
        for name, value in values.items():
            path = place + name
            if path in self._part:
                found += (path, value)
            elif isinstance(value, dict) and (not place or path in CUSTOM):
                self._collect(cast("Facts", value), f"{path}.", found)
            elif type(cast("object", value)) is not str or path in self._no_texts:
                found += (path, value)


def _has(facts: Mapping[str, object], name: str) -> bool:
    place: object = facts
    for part in name.split("."):
        place = cast("Facts", place).get(part) if isinstance(place, dict) else None
    return place is not None
