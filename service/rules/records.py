"""What is kept of an answer when the decision is: rules by their ids, outcomes as JSON. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service import ids
from service.ids import PolicyVersionId
from service.rules.domain import Answer, Consulted, Doubt, Kind, VersionRef, Winner
from service.rules.language.faults import FactFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A rule that counted.

    Attributes:
        because: why, as it was shown to people; empty where that was not kept.
    """

    version_id: PolicyVersionId
    rule_id: str
    because: str

    @classmethod
    def of(cls, winner: Winner) -> "Followed":
        return cls(version_id=winner.ref.version_id, rule_id=winner.rule.id, because=winner.rule.because)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRecord:
    """What the policies of one kind said, as a decision keeps it.

    Attributes:
        kind: the kind's name.
        versions: all versions in effect, in their order.
        consulted: those that were asked.
        winners: the rules that counted; the first comes first in rank.
        outcome: what they said together, as the kind writes it; None when nothing matched, or when it was not
            kept.
    """

    kind: str
    versions: tuple[VersionRef, ...] = ()
    consulted: tuple[Consulted, ...] = ()
    winners: tuple[Followed, ...] = ()
    outcome: Any = None

    @classmethod
    def of(cls, answer: Answer, kind: Kind) -> "AnswerRecord":
        return cls(
            kind=answer.kind,
            versions=answer.versions,
            consulted=answer.consulted,
            winners=tuple(map(Followed.of, answer.winners)),
            outcome=None if answer.outcome is None else kind.write_outcome(answer.outcome),
        )

    def place_of(self, ref: VersionRef, rule_id: str) -> int | None:
        """Which of the winners, from 1 on, a rule is; None if it did not count."""
        return next(
            (
                place
                for place, each in enumerate(self.winners, 1)
                if (each.version_id, each.rule_id) == (ref.version_id, rule_id)
            ),
            None,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "versions": [ref.to_json() for ref in self.versions],
            "consulted": [_consulted_to_json(each) for each in self.consulted],
            "winners": [
                {"version_id": str(each.version_id), "rule_id": each.rule_id, "because": each.because}
                for each in self.winners
            ],
            "outcome": self.outcome,
        }

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "AnswerRecord":
        versions = tuple(VersionRef.of(each) for each in stored["versions"])
        refs = {ref.version_id: ref for ref in versions}
        return cls(
            kind=stored["kind"],
            versions=versions,
            consulted=tuple(_consulted_of(each, refs) for each in stored["consulted"]),
            winners=tuple(
                Followed(
                    version_id=_version_id(each), rule_id=each["rule_id"], because=each.get("because", "")
                )
                for each in stored["winners"]
            ),
            outcome=stored["outcome"],
        )


def _consulted_to_json(consulted: Consulted) -> dict[str, Any]:
    return {
        "version_id": str(consulted.ref.version_id),
        "rules": list(consulted.matched),
        "errors": list(consulted.errors),
        "doubts": [doubt.value for doubt in consulted.doubts],
        "unfit": [{"pointer": fault.pointer, "message": fault.message} for fault in consulted.unfit],
    }


def _consulted_of(stored: Mapping[str, Any], refs: Mapping[PolicyVersionId, VersionRef]) -> Consulted:
    return Consulted(
        ref=refs[_version_id(stored)],
        matched=tuple(stored["rules"]),
        errors=tuple(stored["errors"]),
        doubts=tuple(map(Doubt, stored.get("doubts", ()))),
        unfit=tuple(FactFault(**each) for each in stored.get("unfit", ())),
    )


def _version_id(stored: Mapping[str, Any]) -> PolicyVersionId:
    return PolicyVersionId(ids.read_id(stored["version_id"]))
