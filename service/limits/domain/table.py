"""Every limit that there is, by name. What a tenant's own value is, the operator decides. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

REQUESTS_ARE_METERED = "rate-limit-exceeded"


class Unit(StrEnum):
    """What a limit's value counts."""

    PER_SECOND = "requests per second"
    REQUESTS = "requests"
    BYTES = "bytes"
    ITEMS = "items"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit of a tenant.

    Attributes:
        default: its value for a tenant that has none of its own.
        most: the largest value that the operator may give a tenant.
        description: what is limited, as a noun.
        problem: the code of the problem that says that it is exceeded.
        least: the smallest value that the operator may give.
    """

    name: str
    default: int
    most: int
    unit: Unit
    description: str
    problem: str
    least: int = 0


def _metered(name: str, default: int, unit: Unit, description: str) -> Limit:
    return Limit(
        name=name,
        default=default,
        most=100_000,
        unit=unit,
        description=description,
        problem=REQUESTS_ARE_METERED,
        least=1,
    )


def _counted(name: str, default: int, most: int, description: str) -> Limit:
    problem = f"{name.replace('_', '-')}-too-many"
    return Limit(
        name=name, default=default, most=most, unit=Unit.ITEMS, description=description, problem=problem
    )


RATE = _metered("requests_per_second", 200, Unit.PER_SECOND, "requests of the tenant in the long run")
BURST = _metered("requests_burst", 400, Unit.REQUESTS, "requests of the tenant at once after a rest")
APPLICATION_RATE = _metered(
    "application_requests_per_second", 100, Unit.PER_SECOND, "requests of each application in the long run"
)
APPLICATION_BURST = _metered(
    "application_requests_burst", 200, Unit.REQUESTS, "requests of each application at once after a rest"
)
RATES = (RATE, BURST, APPLICATION_RATE, APPLICATION_BURST)
BODY_BYTES = Limit(
    name="body_bytes",
    default=262_144,
    most=16_777_216,
    unit=Unit.BYTES,
    description="the body of a request; never more than the operator allows all tenants",
    problem="body-too-large",
    least=1_024,
)
ACCIDENTS = _counted("accidents", 10_000, 1_000_000, "accidents that are not withdrawn")
APPLICATIONS = _counted("applications", 200, 10_000, "applications that are not revoked")
BACKTESTS = _counted("backtests", 200, 10_000, "backtests with their results")
BACKTESTS_AT_ONCE = _counted("backtests_at_once", 3, 20, "backtests that are queued or running")
CALENDARS = _counted("calendars", 200, 10_000, "calendars")
CLIENTS = _counted("clients", 2_000, 100_000, "client organizations")
CONTACTS = _counted("contacts", 50_000, 1_000_000, "contacts of each client organization")
DELEGATIONS = _counted("delegations", 5_000, 100_000, "delegations of approvals that are not over")
FACTS = _counted("facts", 200, 1_000, "facts of the tenant's own")
GROUPS = _counted("groups", 200, 10_000, "groups of members")
HISTORY_CASES = _counted(
    "history_cases", 200_000, 5_000_000, "cases of all logs of past requests that were brought in"
)
HISTORY_LOGS = _counted("history_logs", 50, 1_000, "logs of past requests that were brought in")
IMPROVEMENTS = _counted("improvements", 2_000, 100_000, "improvements that are not done or dropped")
LADDERS = _counted("ladders", 200, 10_000, "ladders that are not retired")
MAINTENANCE_WINDOWS = _counted("maintenance_windows", 1_000, 100_000, "maintenance windows that are not over")
MAJOR_INCIDENTS = _counted("major_incidents", 20, 1_000, "major incidents that are open")
MEMBERS = _counted("members", 1_000, 100_000, "members and open invitations")
MESSAGE_TEMPLATES = _counted("message_templates", 2_000, 10_000, "message templates that are not retired")
OPEN_OBJECTIONS = _counted("open_objections", 20, 1_000, "objections to each request that nobody decided on")
OPEN_PROMISES = _counted("open_promises", 100_000, 10_000_000, "promises whose clock has not stopped")
POLICIES = _counted("policies", 100, 1_000, "policies")
QUESTIONNAIRES = _counted("questionnaires", 100, 1_000, "questionnaires for assessing risks")
RULES = Limit(
    name="rules_per_policy",
    default=2_000,
    most=2_000,
    unit=Unit.ITEMS,
    description="rules of each policy",
    problem="rules-too-many",
    least=1,
)
REPINNINGS_AT_ONCE = _counted(
    "repinnings_at_once", 100, 1_000, "repinnings and their previews that are queued or running"
)
REQUEST_TYPES = _counted("request_types", 200, 1_000, "types of request in the catalogue")
ROTAS = _counted("rotas", 100, 1_000, "rotas")
ROTA_FEEDS = _counted("rota_feeds", 20, 1_000, "secret links to the calendar of each rota")
ROTA_OVERRIDES = _counted("rota_overrides", 500, 5_000, "overrides of each rota that are not over")
SERVICES = _counted("services", 2_000, 100_000, "entries of the service register")
SPECIAL_METHOD_USES = _counted("special_method_uses", 10_000, 1_000_000, "uses of each special method")
WEBHOOK_ENDPOINTS = _counted("webhook_endpoints", 20, 100, "webhook endpoints")
CLIENT_WEBHOOK_ENDPOINTS = _counted(
    "client_webhook_endpoints", 5, 20, "webhook endpoints of each client organization"
)

LIMITS: Mapping[str, Limit] = {
    limit.name: limit
    for limit in (
        RATE,
        BURST,
        APPLICATION_RATE,
        APPLICATION_BURST,
        BODY_BYTES,
        ACCIDENTS,
        APPLICATIONS,
        BACKTESTS,
        BACKTESTS_AT_ONCE,
        CALENDARS,
        CLIENTS,
        CONTACTS,
        DELEGATIONS,
        FACTS,
        GROUPS,
        HISTORY_CASES,
        HISTORY_LOGS,
        IMPROVEMENTS,
        LADDERS,
        MAINTENANCE_WINDOWS,
        MAJOR_INCIDENTS,
        MEMBERS,
        MESSAGE_TEMPLATES,
        OPEN_OBJECTIONS,
        OPEN_PROMISES,
        POLICIES,
        QUESTIONNAIRES,
        RULES,
        REPINNINGS_AT_ONCE,
        REQUEST_TYPES,
        ROTAS,
        ROTA_FEEDS,
        ROTA_OVERRIDES,
        SERVICES,
        SPECIAL_METHOD_USES,
        WEBHOOK_ENDPOINTS,
        CLIENT_WEBHOOK_ENDPOINTS,
    )
}

DEFAULTS: Mapping[str, int] = {limit.name: limit.default for limit in LIMITS.values()}


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for one tenant.

    Attributes:
        own: the values that the operator gave this tenant.
        defaults: what holds for all others.
    """

    own: Mapping[str, int] = field(default_factory=dict[str, int])
    defaults: Mapping[str, int] = field(default_factory=lambda: DEFAULTS)

    def of(self, limit: Limit) -> int:
        return self.own.get(limit.name, self.defaults[limit.name])


def is_allowed(limit: Limit, value: int) -> bool:
    """May the operator give a tenant this value?"""
    return limit.least <= value <= limit.most
