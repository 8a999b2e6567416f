"""What the operations on policies take, and what they show."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from service.api import conditional
from service.api.fields import Moment, Name
from service.api.findings import FindingView
from service.ids import PolicyId
from service.rules.canonical import Difference
from service.rules.findings import Finding
from service.rules.lifecycle import Basis, Policy, Stage, Step, Taken
from service.rules.policies import Version
from service.rules.publishing import Running
from service.rules.testing import TestResult

Number = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
"""Of a version."""

Note = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class CreatePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy with its first version, which is a draft until it is published."""

    name: Name
    kind: Annotated[
        str,
        msgspec.Meta(
            description="What it decides: `classification`, `rationalization`, `commitment` or `escalation`."
        ),
    ]
    document: Annotated[dict[str, Any], msgspec.Meta(description="See docs/guides/policies.md.")]


class RevisePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A further version, which is a draft until it is published."""

    document: dict[str, Any]


class SubmitPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version is to be reviewed, the newest when left out, and what the reviewer should know."""

    version: Number | None = None
    note: Note | None = None


class ApprovePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version that was reviewed: a further one may have been written meanwhile."""

    version: Number
    note: Note | None = None


class ReturnPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version that was reviewed, and what is to be mended."""

    version: Number
    note: Note


class PublishPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version takes effect, the newest when left out, and from when on, now when left out."""

    version: Number | None = None
    effective_at: Moment | None = None
    running: Annotated[
        Running, msgspec.Meta(description="Whether requests that were received before are decided by it too.")
    ] = Running.KEEP


class RetirePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why the policy is to decide nothing any more."""

    note: Note | None = None


class RevertPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version that was in effect, and is to be again as a new one."""

    to_version: Number


class TestPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version's stored tests are to be run; the newest when left out."""

    version: Number | None = None


class PolicyView(msgspec.Struct, frozen=True):
    """A policy. `stage`, `applies_to` and `order` are those of its newest version."""

    id: PolicyId
    name: str
    kind: str
    version: int
    stage: Stage
    published_version: int | None
    scheduled_version: int | None
    scheduled_at: datetime | None
    applies_to: dict[str, Any]
    order: int
    created_at: datetime

    @classmethod
    def of(cls, policy: Policy) -> "PolicyView":
        return cls(
            id=policy.id,
            name=policy.name,
            kind=policy.kind,
            version=policy.version,
            stage=policy.stage,
            published_version=policy.published_version,
            scheduled_version=policy.scheduled_version,
            scheduled_at=policy.scheduled_at,
            applies_to=dict(policy.applies_to),
            order=policy.order,
            created_at=policy.created_at,
        )


class SavedPolicyView(PolicyView, frozen=True):
    """A policy that was saved or published; `findings` say what is wrong with it, or can hardly be meant."""

    findings: list[FindingView]

    @classmethod
    def with_findings(cls, policy: Policy, findings: Sequence[Finding]) -> "SavedPolicyView":
        fields = msgspec.structs.asdict(PolicyView.of(policy))
        return cls(**fields, findings=list(map(FindingView.of, findings)))


class PolicyStepView(msgspec.Struct, frozen=True):
    """What happened to a version, and who did it. `number` counts the steps of the whole policy."""

    number: int
    step: Step
    at: datetime
    by: str
    note: str | None
    effective_at: datetime | None
    basis: Annotated[
        Basis | None, msgspec.Meta(description="What it stands on where nobody else has approved it.")
    ]

    @classmethod
    def of(cls, taken: Taken) -> "PolicyStepView":
        return cls(
            number=taken.number,
            step=taken.step,
            at=taken.at,
            by=taken.by,
            note=taken.note,
            effective_at=taken.effective_at,
            basis=taken.basis,
        )


class PolicyVersionLifeView(msgspec.Struct, frozen=True):
    """A version and its life so far."""

    policy_id: PolicyId
    version: int
    stage: Stage
    author: str | None
    created_at: datetime
    steps: list[PolicyStepView]

    @classmethod
    def of(cls, policy_id: PolicyId, version: Version) -> "PolicyVersionLifeView":
        return cls(
            policy_id=policy_id,
            version=version.version,
            stage=version.stage,
            author=version.author,
            created_at=version.created_at,
            steps=list(map(PolicyStepView.of, version.steps)),
        )


class PolicyVersionView(PolicyVersionLifeView, frozen=True):
    """A version with its document, which never changes, and its life so far."""

    document: dict[str, Any]

    @classmethod
    def with_document(
        cls, policy_id: PolicyId, version: Version, document: dict[str, Any]
    ) -> "PolicyVersionView":
        fields = msgspec.structs.asdict(PolicyVersionLifeView.of(policy_id, version))
        return cls(**fields, document=document)


class DifferencesView(msgspec.Struct, frozen=True, rename={"of": "from"}):
    """What differs between two versions, by rule and cell; first in the whole, then in the rules."""

    of: int
    to: int
    differences: list[Difference]


class TestResultView(msgspec.Struct, frozen=True):
    """What became of one test; `fault` says why it could not be run."""

    name: str
    passed: bool
    expected_rules: list[str]
    rules: list[str]
    expected_outcome: dict[str, Any] | None
    outcome: Any
    fault: str | None

    @classmethod
    def of(cls, result: TestResult) -> "TestResultView":
        wanted = result.expected_outcome
        return cls(
            name=result.name,
            passed=result.passed,
            expected_rules=list(result.expected_rules),
            rules=list(result.rules),
            expected_outcome=None if wanted is None else dict(wanted),
            outcome=result.outcome,
            fault=result.fault,
        )


class TestedPolicyView(msgspec.Struct, frozen=True):
    """The stored tests of a version, in their order."""

    version: int
    passed: bool
    tests: list[TestResultView]


def tag(policy: Policy) -> str:
    return conditional.etag(policy.id, policy.revision)
