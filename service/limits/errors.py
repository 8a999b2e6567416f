"""Expected failures of this slice.

The kind says what helps: waiting (429), removing something (409), sending less (422).
"""

from collections.abc import Mapping
from datetime import timedelta

from service.errors import Conflict, Fault, Invalid, NotFound, TooMany
from service.limits.domain.table import LIMITS, Limit


class LimitUnknown(NotFound):
    """There is no limit of this name."""

    code = "limit-unknown"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no limit {name!r}; these are: {', '.join(sorted(LIMITS))}.")


class LimitOutOfRange(Invalid):
    """A limit cannot be set to this value."""

    code = "limit-out-of-range"

    def __init__(self, limit: Limit, value: int) -> None:
        super().__init__(f"{limit.name} may be {limit.least} to {limit.most} {limit.unit}, not {value}.")


class RateLimitExceeded(TooMany):
    """More requests than the tenant or the application may make. `Retry-After` says when to repeat."""

    code = "rate-limit-exceeded"

    def __init__(self, limit: Limit, value: int, *, retry_after: timedelta) -> None:
        super().__init__(
            f"The limit {limit.name} of {value} is exceeded. Repeat the same request after"
            f" {retry_after.total_seconds():.3f} s, or ask the operator for more.",
            retry_after=retry_after,
        )


class TenantBusy(TooMany):
    """Too many requests of the tenant wait for each other already. Send fewer at the same time."""

    code = "tenant-busy"

    def __init__(self, waiting: int) -> None:
        super().__init__(
            f"{waiting} requests of this tenant wait to be worked on already. Repeat the same request a"
            " little later, and send fewer at the same time.",
            retry_after=timedelta(seconds=1),
        )


class QuotaExceeded(Conflict):
    """The tenant has as many as it may have."""

    def __init__(self, limit: Limit, value: int) -> None:
        super().__init__(
            f"The limit {limit.name} is {value} {limit.description}, and there are as many."
            " Remove one that is not needed, or ask the operator for more."
        )


class AccidentsTooMany(QuotaExceeded):
    """The register has as many accidents as it may have. Ask the operator for more."""

    code = "accidents-too-many"


class ApplicationsTooMany(QuotaExceeded):
    """The tenant has as many applications as it may have. Revoke one, or ask the operator for more."""

    code = "applications-too-many"


class BacktestsTooMany(QuotaExceeded):
    """The tenant has as many backtests as it may have. Delete some, or ask the operator for more."""

    code = "backtests-too-many"


class BacktestsAtOnceTooMany(QuotaExceeded):
    """As many backtests of the tenant as may be are queued or running. Wait for one to end, or cancel it."""

    code = "backtests-at-once-too-many"


class CalendarsTooMany(QuotaExceeded):
    """The tenant has as many calendars as it may have. Revise one of them, or ask the operator for more."""

    code = "calendars-too-many"


class ClientsTooMany(QuotaExceeded):
    """The tenant has as many client organizations as it may have. Ask the operator for more."""

    code = "clients-too-many"


class ContactsTooMany(QuotaExceeded):
    """The tenant has as many contacts as it may have. Remove some, or ask the operator for more."""

    code = "contacts-too-many"


class DelegationsTooMany(QuotaExceeded):
    """The tenant has as many delegations of approvals as it may have. End one before giving another."""

    code = "delegations-too-many"


class FactsTooMany(QuotaExceeded):
    """The tenant has as many facts of its own as it may have. Remove one, or ask the operator for more."""

    code = "facts-too-many"


class GroupsTooMany(QuotaExceeded):
    """The tenant has as many groups as it may have. Remove one, or ask the operator for more."""

    code = "groups-too-many"


class HistoryCasesTooMany(QuotaExceeded):
    """The tenant has as many cases of past requests as it may have. Delete a log before adding more."""

    code = "history-cases-too-many"


class HistoryLogsTooMany(QuotaExceeded):
    """The tenant has as many logs of past requests as it may have. Delete one before adding another."""

    code = "history-logs-too-many"


class ImprovementsTooMany(QuotaExceeded):
    """The tenant has as many open improvements as it may have. End one before opening another."""

    code = "improvements-too-many"


class LaddersTooMany(QuotaExceeded):
    """The tenant has as many ladders as it may have. Retire one, or ask the operator for more."""

    code = "ladders-too-many"


class MaintenanceWindowsTooMany(QuotaExceeded):
    """As many maintenance windows of the tenant as may be are not over. Call some off, or wait for an end."""

    code = "maintenance-windows-too-many"


class MajorIncidentsTooMany(QuotaExceeded):
    """As many major incidents of the tenant as may be are open. End one before declaring another."""

    code = "major-incidents-too-many"


class MembersTooMany(QuotaExceeded):
    """The tenant has as many members as it may have. Deactivate one, or ask the operator for more."""

    code = "members-too-many"


class MessageTemplatesTooMany(QuotaExceeded):
    """The tenant has as many message templates as it may have. Retire one, or ask the operator for more."""

    code = "message-templates-too-many"


class OpenObjectionsTooMany(QuotaExceeded):
    """As many objections to the request as may be are open. Decide or withdraw some before raising more."""

    code = "open-objections-too-many"


class OpenPromisesTooMany(QuotaExceeded):
    """The tenant has as many open promises as it may have. Fulfil or cancel some before submitting more."""

    code = "open-promises-too-many"


class PoliciesTooMany(QuotaExceeded):
    """The tenant has as many policies as it may have. Revise one of them, or ask the operator for more."""

    code = "policies-too-many"


class QuestionnairesTooMany(QuotaExceeded):
    """The tenant has as many questionnaires as it may have. Revise one, or ask the operator for more."""

    code = "questionnaires-too-many"


class RepinningsAtOnceTooMany(QuotaExceeded):
    """As many repinnings of the tenant as may be are queued or running. Wait for one to end, or cancel it."""

    code = "repinnings-at-once-too-many"


class RequestTypesTooMany(QuotaExceeded):
    """The catalogue has as many types of request as it may have. Revise one, or ask the operator for more."""

    code = "request-types-too-many"


class RotasTooMany(QuotaExceeded):
    """The tenant has as many rotas as it may have. Remove one, or ask the operator for more."""

    code = "rotas-too-many"


class RotaFeedsTooMany(QuotaExceeded):
    """The rota has as many secret links as it may have. Revoke one before making another."""

    code = "rota-feeds-too-many"


class RotaOverridesTooMany(QuotaExceeded):
    """As many overrides of the rota as may be are not over. Remove some, or change the rota itself."""

    code = "rota-overrides-too-many"


class ServicesTooMany(QuotaExceeded):
    """The service register has as many entries as it may have. Change one, or ask the operator for more."""

    code = "services-too-many"


class SpecialMethodUsesTooMany(QuotaExceeded):
    """As many uses of the special method are recorded as may be. What is used so often is the norm."""

    code = "special-method-uses-too-many"


class WebhookEndpointsTooMany(QuotaExceeded):
    """The tenant has as many webhook endpoints as it may have. Delete one before adding another."""

    code = "webhook-endpoints-too-many"


class ClientWebhookEndpointsTooMany(QuotaExceeded):
    """The client organization has as many webhook endpoints as it may have. Delete one first."""

    code = "client-webhook-endpoints-too-many"


class RulesTooMany(Invalid):
    """The policy has more rules than one of this tenant's policies may have. Divide it into several."""

    code = "rules-too-many"

    def __init__(self, limit: Limit, value: int, found: int) -> None:
        detail = (
            f"The limit {limit.name} is {value}, and this policy has {found}. Divide it into several, or ask"
            " the operator for more."
        )
        super().__init__(detail, faults=[Fault("/document/rules", detail)])


EXCEEDED: Mapping[str, type[QuotaExceeded]] = {
    kind.code: kind
    for kind in (
        AccidentsTooMany,
        ApplicationsTooMany,
        BacktestsAtOnceTooMany,
        BacktestsTooMany,
        CalendarsTooMany,
        ClientWebhookEndpointsTooMany,
        ClientsTooMany,
        ContactsTooMany,
        DelegationsTooMany,
        FactsTooMany,
        GroupsTooMany,
        HistoryCasesTooMany,
        HistoryLogsTooMany,
        ImprovementsTooMany,
        LaddersTooMany,
        MaintenanceWindowsTooMany,
        MajorIncidentsTooMany,
        MembersTooMany,
        MessageTemplatesTooMany,
        OpenObjectionsTooMany,
        OpenPromisesTooMany,
        PoliciesTooMany,
        QuestionnairesTooMany,
        RepinningsAtOnceTooMany,
        RequestTypesTooMany,
        RotaFeedsTooMany,
        RotaOverridesTooMany,
        RotasTooMany,
        ServicesTooMany,
        SpecialMethodUsesTooMany,
        WebhookEndpointsTooMany,
    )
}
"""The failure of each limit that counts what a tenant has, by the code of its problem."""
