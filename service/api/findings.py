"""What is found wrong with a policy, as HTTP shows it."""

from typing import Annotated

import msgspec

from service.rules.findings import Finding, Refused, Severity


class FindingView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing found: how grave it is, where, what is wrong, and what to do about it."""

    code: Annotated[str, msgspec.Meta(description="One of those in docs/guides/lint.md.")]
    severity: Severity
    refused: Annotated[Refused, msgspec.Meta(description="What it holds up before it is mended.")]
    pointer: Annotated[
        str, msgspec.Meta(description="JSON Pointer (RFC 6901) into the body, empty for all of it.")
    ]
    reason: str
    remedy: str = ""
    line: int | None = None
    column: int | None = None

    @classmethod
    def of(cls, finding: Finding) -> "FindingView":
        return cls(
            code=finding.code,
            severity=finding.severity,
            refused=finding.refused,
            pointer=finding.pointer,
            reason=finding.reason,
            remedy=finding.remedy,
            line=finding.line,
            column=finding.column,
        )
