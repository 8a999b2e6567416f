"""What is asked at log-in, and how it ends.

What must be kept though the answer is a refusal, such as a failure that was counted, is returned and not
raised: whoever asked commits in any case.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.ids import MemberId, TenantId
from service.people.domain.accounts import Origin, Person
from service.people.domain.sessions import Factor


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to log in, and where it comes from."""

    email: str
    password: str = field(repr=False)
    origin: Origin


@dataclass(frozen=True, slots=True)
class FactorAttempt:
    """A code that is shown in a session, which may be halfway: of an authenticator, or for recovery."""

    token: str = field(repr=False)
    code: str = field(repr=False)
    origin: Origin


@dataclass(frozen=True, slots=True)
class Refused:
    """It was wrong. Nothing says what."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """It was not even looked at: too much was wrong lately."""

    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class Ended:
    """The session does not count any more, or cannot be used for this: log in anew."""


@dataclass(frozen=True, slots=True)
class FactorNeeded:
    """The password was right; a code is to follow. The token goes into the session's cookie."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoggedInAnew:
    """The person is logged in.

    Attributes:
        token: for the session's cookie, in place of whatever was in it before.
        device: for a cookie that stays, by which the browser is known again.
    """

    token: str = field(repr=False)
    device: str = field(repr=False)
    person: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """Who is logged in, and in which tenant. What the member may do there is its standing.

    Attributes:
        digest: names the session; it is no secret.
        tenant_id: None until one was chosen, and again once the person is not a member of it any more.
        logged_in_at: when the person has shown who it is.
    """

    digest: bytes
    person: Person
    tenant_id: TenantId | None
    member_id: MemberId | None
    factors: frozenset[Factor]
    logged_in_at: datetime


@dataclass(frozen=True, slots=True)
class TotpEnrolment:
    """What an authenticator is told: the secret to type, and the address that a QR code shows."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    """Codes that stand in for the authenticator, once each. They are shown this once."""

    codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TotpRemoved:
    """The password alone is asked for from now on."""


@dataclass(frozen=True, slots=True)
class PasswordSet:
    """The new password counts. `device` is for a cookie that stays, by which the browser is known again."""

    device: str = field(repr=False)


LogInOutcome = LoggedInAnew | FactorNeeded | Refused | Throttled
FactorOutcome = LoggedInAnew | Refused | Throttled | Ended
CodesOutcome = RecoveryCodes | Refused | Throttled | Ended
RemovalOutcome = TotpRemoved | Refused | Throttled | Ended
ResetOutcome = PasswordSet | Ended
ChangeOutcome = PasswordSet | Refused | Throttled | Ended
