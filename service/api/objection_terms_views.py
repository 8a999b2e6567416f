"""What HTTP accepts and shows of by when objections are decided."""

from datetime import timedelta

import msgspec

from service.api.fields import Name
from service.commitments import targets
from service.commitments.domain import BusinessDaysTarget, ElapsedTarget, Target, WorkingTarget
from service.commitments.targets import BusinessDays, ElapsedTime, Seconds, WorkingTime
from service.rationalization.objections.promising import ObjectionTerms


class ObjectionTermsForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """By when objections are decided that are raised from now on.

    `calendar` is the name of the one that the target counts by, none for elapsed time; `ladder` that of the
    one that is climbed for them.
    """

    target: WorkingTime | ElapsedTime | BusinessDays
    calendar: Name | None = None
    ladder: Name | None = None
    warn_before_seconds: Seconds | None = None

    def terms(self) -> ObjectionTerms:
        seconds = self.warn_before_seconds
        return ObjectionTerms(
            target=targets.target_of(self.target),
            calendar=self.calendar,
            ladder=self.ladder,
            warn_before=None if seconds is None else timedelta(seconds=seconds),
        )


class ObjectionTermsView(msgspec.Struct, frozen=True, kw_only=True):
    """By when objections are decided. `version` is 0 as long as the usual terms hold."""

    target: WorkingTime | ElapsedTime | BusinessDays
    calendar: str | None
    ladder: str | None
    warn_before_seconds: int | None
    version: int

    @classmethod
    def of(cls, terms: ObjectionTerms) -> "ObjectionTermsView":
        return cls(
            target=_form_of(terms.target),
            calendar=terms.calendar,
            ladder=terms.ladder,
            warn_before_seconds=None if terms.warn_before is None else int(terms.warn_before.total_seconds()),
            version=terms.version,
        )


def _form_of(target: Target) -> WorkingTime | ElapsedTime | BusinessDays:
    match target:
        case WorkingTarget(seconds=seconds):
            return WorkingTime(seconds)
        case ElapsedTarget(seconds=seconds):
            return ElapsedTime(seconds)
        case BusinessDaysTarget(days=days):
            return BusinessDays(days)
        case _:
            raise TypeError(f"no target of objections: {target!r}")
