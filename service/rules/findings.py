"""What is found wrong with a policy, from errors of spelling to rules that never count. Pure.

Every finding has a code of `CHECKS`, which says how grave it is and what it holds up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from service.errors import Fault


class Severity(StrEnum):
    """How grave it is."""

    ERROR = "error"
    """It cannot be used, or would do harm."""
    WARNING = "warning"
    """It can hardly be what was meant."""
    NOTICE = "notice"
    """It may well be meant; somebody should know."""


class Refused(StrEnum):
    """What a finding holds up."""

    SAVING = "saving"
    PUBLISHING = "publishing"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Check:
    """What a code stands for.

    Attributes:
        severity: of all its findings.
        meaning: in one sentence, for the guide.
        refused: what may not be done before it is mended.
    """

    severity: Severity
    meaning: str
    refused: Refused = Refused.NOTHING


def _unusable(meaning: str) -> Check:
    return Check(Severity.ERROR, meaning, Refused.SAVING)


def _harmful(meaning: str) -> Check:
    return Check(Severity.ERROR, meaning, Refused.PUBLISHING)


def _doubtful(meaning: str) -> Check:
    return Check(Severity.WARNING, meaning)


def _noted(meaning: str) -> Check:
    return Check(Severity.NOTICE, meaning)


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "malformed": _unusable("A key is missing, unknown, or has a value of another form."),
        "syntax": _unusable("A condition is not of the language."),
        "unknown-fact": _unusable("A condition or a column names a fact that is not declared."),
        "unknown-function": _unusable("A condition calls a function that the language does not have."),
        "mistyped": _unusable(
            "The parts of a condition do not go together: a text is compared with a number."
        ),
        "bad-cell": _unusable("A cell of a table cannot be read as a test of its fact."),
        "bad-outcome": _unusable("What follows from a rule is not an outcome of the policy's kind."),
        "zero-target": _unusable("A promise has no time at all."),
        "duplicate-id": _unusable("Two rules have one id."),
        "unknown-calendar": _harmful("A promise counts by a calendar that there is not."),
        "closed-calendar": _harmful("A promise counts by a calendar that never opens."),
        "beyond-horizon": _harmful(
            "A promise's calendar is not open for as long as its target within 100 years."
        ),
        "unknown-ladder": _harmful("An escalation policy names a ladder that there is not."),
        "unknown-entry": _harmful(
            "A verdict names a group, a ladder, a questionnaire or a rank of one that there is not."
        ),
        "empty-ladder": _harmful("No step of a ladder has anybody to tell."),
        "overlap": _harmful("Under `UNIQUE` two rules can both match, and no `rank` tells them apart."),
        "no-default": _harmful("A classification has no rule that always matches."),
        "test-fails": _harmful("A stored test does not pass."),
        "never-matches": _doubtful("A condition is never true."),
        "always-matches": _doubtful("Under `FIRST` a rule before the last always matches."),
        "shadowed": _doubtful("A rule never counts, because others before it do whenever it matches."),
        "same-condition": _doubtful("A rule asks the same as one before it."),
        "same-metric": _doubtful(
            "Under `COLLECT` two rules that can both match promise the same metric, or set the same fact."
        ),
        "gap": _doubtful("Something that may well come matches no row of a table."),
        "value-never-taken": _doubtful("A fact is compared with a value that it never takes."),
        "null-comparison": _doubtful("A fact is compared with null, which it never is."),
        "hidden-fact": _doubtful("The name of a macro hides a fact."),
        "dead-value": _doubtful("A value that a condition asks for makes no difference to it."),
        "dead-branch": _doubtful("A part of a condition is never true, or never asked."),
        "rank-unused": _doubtful("A rule has a `rank`, which counts under `UNIQUE` only."),
        "unknown-name": _doubtful("The scope names a service or a client that is not in the register."),
        "unknown-wording": _doubtful("A verdict names a wording that there is not; the usual one is told."),
        "closed-for-long": _doubtful("A promise counts by a calendar that does not open within a year."),
        "nobody-told": _doubtful("A step of a ladder has nobody to tell."),
        "empty-target": _doubtful("A target of a step has nobody behind it."),
        "gap-on-duty": _doubtful("There are times at which a step of a ladder has nobody to tell."),
        "step-at-once": _doubtful(
            "A step is told longer before the due than any promise lasts that climbs the ladder."
        ),
        "repeated-for-long": _doubtful("A step of a ladder is repeated for longer than a month."),
        "parts-exceed": _doubtful("OLAs and UCs on the way of an SLA have more time together than it has."),
        "unmatched": _noted("Something that may well come matches no rule."),
        "may-overlap": _noted("Under `UNIQUE` two rules may both match, as far as can be seen."),
        "unread-fact": _noted("The policy declares a fact that none of its rules reads."),
        "never-asked": _noted(
            "Another policy always has its say before this one, or this one before another."
        ),
        "unclimbed": _noted("An escalation policy asks for promises that no policy in effect makes."),
        "parts-incomparable": _noted("An OLA or UC counts otherwise than the SLA on whose way it lies."),
        "part-of-nothing": _noted("An OLA or UC lies on the way of what no rule of the policy promises."),
        "misspelt-deed": _noted("A promise is fulfilled by a deed whose name is nearly a usual one."),
        "undecided": _noted("There was not enough time to find everything out."),
        "more": _noted("There is more than is shown."),
    }
)
"""Every code, the gravest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found.

    Attributes:
        code: one of CHECKS.
        pointer: where, as a JSON Pointer (RFC 6901) into the document as it was written.
        reason: what is wrong.
        remedy: what to do about it; empty when the reason says that.
        line: 1-based line inside a condition's text, when it lies in one.
        column: 1-based column inside a condition's text.
    """

    code: str
    pointer: str
    reason: str
    remedy: str = ""
    line: int | None = None
    column: int | None = None

    @property
    def severity(self) -> Severity:
        return CHECKS[self.code].severity

    @property
    def refused(self) -> Refused:
        return CHECKS[self.code].refused

    @property
    def fault(self) -> Fault:
        """The same as an entry of a refusal."""
        return Fault(
            self.pointer,
            f"{self.reason} {self.remedy}".rstrip(),
            self.line,
            self.column,
            code=self.code,
            remedy=self.remedy,
        )

    @classmethod
    def of(cls, fault: Fault) -> "Finding":
        """What an entry of a refusal says."""
        return cls(
            code="malformed" if fault.code is None else fault.code,
            pointer=fault.pointer,
            reason=fault.detail.removesuffix(fault.remedy).rstrip(),
            remedy=fault.remedy,
            line=fault.line,
            column=fault.column,
        )


def holding_up(findings: Iterable[Finding], *refused: Refused) -> list[Finding]:
    """Those that hold up one of these."""
    return [finding for finding in findings if finding.refused in refused]


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))
