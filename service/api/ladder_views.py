"""What HTTP accepts of ladders, and what it shows of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from service.api.fields import Moment, Name, Text
from service.api.findings import FindingView
from service.escalations.ladders.domain import Situation
from service.escalations.ladders.models import Ladder, LadderVersion
from service.escalations.previews.service import HOURS_MAX, Asked, Supposed
from service.ids import ClientId, CommitmentId, ContactId, LadderId, LadderVersionId, ServiceId
from service.rules.findings import Finding

Definition = Annotated[
    dict[str, Any],
    msgspec.Meta(
        description="`steps`, `acknowledged_for_seconds`, `maintenance`, `manager_step`."
        " See docs/guides/ladders.md.",
        examples=[
            {
                "steps": [
                    {
                        "name": "before",
                        "at": {"anchor": "due", "after_seconds": -3600, "working": True},
                        "tell": [{"owner": True}],
                    },
                    {"name": "broken", "at": {"anchor": "breach"}, "tell": [{"manager": True}]},
                ],
                "acknowledged_for_seconds": 3600,
            }
        ],
    ),
]


class CreateLadder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ladder with its first version. Escalation policies refer to it by its name."""

    name: Name
    definition: Definition


class ReviseLadder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the ladder says from now on. Its name may be sent along, and stays as it is."""

    definition: Definition
    name: Name | None = None


class LadderView(msgspec.Struct, frozen=True, kw_only=True):
    """A ladder and its current version. Once it is retired no promise begins to climb it."""

    id: LadderId
    name: str
    version: int
    version_id: LadderVersionId
    definition: Mapping[str, Any]
    created_at: datetime
    revised_at: datetime
    retired_at: datetime | None

    @classmethod
    def of(cls, ladder: Ladder) -> "LadderView":
        return cls(
            id=ladder.id,
            name=ladder.name,
            version=ladder.current.version,
            version_id=ladder.current.id,
            definition=ladder.current.document,
            created_at=ladder.created_at,
            revised_at=ladder.current.created_at,
            retired_at=ladder.retired_at,
        )


class SavedLadderView(LadderView, frozen=True, kw_only=True):
    """A ladder as it was saved, and what looks wrong with it among those who are there now."""

    findings: list[FindingView]

    @classmethod
    def with_findings(cls, ladder: Ladder, findings: Sequence[Finding]) -> "SavedLadderView":
        view = LadderView.of(ladder)
        placed = [replace(each, pointer=f"/definition{each.pointer}") for each in findings]
        return cls(**msgspec.structs.asdict(view), findings=[FindingView.of(each) for each in placed])


class LadderVersionView(msgspec.Struct, frozen=True, kw_only=True):
    """A version, which never changes: what is climbed is the version of the time when it began."""

    id: LadderVersionId
    ladder_id: LadderId
    version: int
    definition: Mapping[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, version: LadderVersion) -> "LadderVersionView":
        return cls(
            id=version.id,
            ladder_id=version.ladder_id,
            version=version.version,
            definition=version.document,
            created_at=version.created_at,
        )


class SupposedPromise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A promise that nobody made: since when it runs, its target and calendar as a policy writes them."""

    started_at: Moment
    target: Annotated[
        dict[str, Any],
        msgspec.Meta(
            description="As in a policy: docs/guides/promises.md.",
            examples=[{"unit": "working_time", "seconds": 28800}],
        ),
    ]
    calendar: Name | None = None
    metric: Text = "resolve"

    def supposed(self) -> Supposed:
        written: dict[str, Any] = {"metric": self.metric, "target": self.target}
        if self.calendar is not None:
            written["calendar"] = self.calendar
        return Supposed(self.started_at.astimezone(UTC), written)


class SupposedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a request says whom to tell. A promise that there is brings its client and service."""

    client_id: UUID | None = None
    contact_id: UUID | None = None
    service_id: UUID | None = None
    assignee: Text | None = None
    assignment_group: Text | None = None

    def situation(self) -> Situation:
        return Situation(
            client_id=None if self.client_id is None else ClientId(self.client_id),
            contact_id=None if self.contact_id is None else ContactId(self.contact_id),
            service_id=None if self.service_id is None else ServiceId(self.service_id),
            assignee=self.assignee,
            assignment_group=self.assignment_group,
        )


class PreviewLadder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """What to foresee: either a `promise` that is supposed, or one that there is by its `commitment_id`.

    Without `from` it begins with the promise that is supposed, or now. With a `definition` that is climbed
    instead of the ladder's current version.
    """

    promise: SupposedPromise | None = None
    commitment_id: UUID | None = None
    request: SupposedRequest = SupposedRequest()
    since: Moment | None = None
    hours: Annotated[int, msgspec.Meta(ge=1, le=HOURS_MAX, description="How far to look.")] = 72
    definition: Definition | None = None

    def asked(self) -> Asked | None:
        """None where it is not said which promise."""
        promise = None if self.promise is None else self.promise.supposed()
        there_is = None if self.commitment_id is None else CommitmentId(self.commitment_id)
        if promise is not None and there_is is not None:
            return None
        which = promise or there_is
        return (
            None
            if which is None
            else Asked(
                promise=which,
                situation=self.request.situation(),
                since=self.since,
                hours=self.hours,
            )
        )
