"""HTTP for limits: what a tenant may have and do, and what of it is in use."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency

from service.api.security import Principal
from service.backtests import service as backtests
from service.backtests.logs import service as logs
from service.calendars import service as calendars
from service.commitments import service as commitments
from service.db import TenantSession
from service.escalations.ladders import service as ladders
from service.escalations.rotas import service as rotas
from service.limits import service
from service.limits.domain.table import (
    ACCIDENTS,
    APPLICATIONS,
    BACKTESTS,
    BACKTESTS_AT_ONCE,
    BODY_BYTES,
    CALENDARS,
    CLIENT_WEBHOOK_ENDPOINTS,
    CLIENTS,
    DELEGATIONS,
    FACTS,
    GROUPS,
    HISTORY_CASES,
    HISTORY_LOGS,
    IMPROVEMENTS,
    LADDERS,
    LIMITS,
    MAINTENANCE_WINDOWS,
    MAJOR_INCIDENTS,
    MEMBERS,
    MESSAGE_TEMPLATES,
    OPEN_PROMISES,
    POLICIES,
    QUESTIONNAIRES,
    REQUEST_TYPES,
    ROTAS,
    SERVICES,
    WEBHOOK_ENDPOINTS,
    Limit,
    Limits,
    Unit,
)
from service.outbox import service as outbox
from service.people import groups
from service.people import service as people
from service.rationalization.accidents import service as accidents
from service.rationalization.approvals import delegating
from service.rationalization.catalogue import service as catalogue
from service.rationalization.improvements import service as improvements
from service.rationalization.risks import service as risks
from service.rationalization.wording import service as wording
from service.requests.maintenance import service as maintenance
from service.requests.major_incidents import service as major_incidents
from service.rules import policies
from service.rules.facts import service as facts
from service.settings import Settings
from service.tenants import applications
from service.tenants import service as tenants

Count = Callable[[TenantSession], Awaitable[int]]


async def _webhook_endpoints(session: TenantSession) -> int:
    return await outbox.endpoint_count(session, session.client_id)


COUNTS: Mapping[str, Count] = {
    ACCIDENTS.name: accidents.count,
    APPLICATIONS.name: applications.count,
    BACKTESTS.name: backtests.count,
    BACKTESTS_AT_ONCE.name: backtests.open_count,
    CALENDARS.name: calendars.count,
    CLIENTS.name: tenants.client_count,
    DELEGATIONS.name: delegating.count,
    FACTS.name: facts.count,
    GROUPS.name: groups.count,
    HISTORY_CASES.name: logs.case_count,
    HISTORY_LOGS.name: logs.log_count,
    MAINTENANCE_WINDOWS.name: maintenance.count,
    IMPROVEMENTS.name: improvements.count,
    LADDERS.name: ladders.count,
    MAJOR_INCIDENTS.name: major_incidents.count,
    MEMBERS.name: people.member_count,
    MESSAGE_TEMPLATES.name: wording.count,
    OPEN_PROMISES.name: commitments.open_count,
    POLICIES.name: policies.policy_count,
    QUESTIONNAIRES.name: risks.count,
    REQUEST_TYPES.name: catalogue.count,
    ROTAS.name: rotas.count,
    SERVICES.name: tenants.service_count,
    WEBHOOK_ENDPOINTS.name: _webhook_endpoints,
}
"""How many a tenant has, by the name of the limit."""

CLIENT_COUNTS: Mapping[str, Count] = {CLIENT_WEBHOOK_ENDPOINTS.name: _webhook_endpoints}
"""What a client organization has; it sees nothing of what others have."""


class LimitView(msgspec.Struct, frozen=True):
    """One limit. `used` is null where nothing is counted, or not by tenant."""

    name: str
    value: int
    default: int
    used: int | None
    unit: Unit
    description: str
    problem: str


class LimitsView(msgspec.Struct, frozen=True):
    limits: list[LimitView]


class LimitController(Controller):
    path = "/v1/tenant/limits"
    tags = ("Tenants",)

    @get("/", operation_id="listTenantLimits")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        settings: NamedDependency[Settings],
    ) -> LimitsView:
        """Show the limits of the tenant, and what of them is in use."""
        found = await service.get(session)
        counts = COUNTS if principal.client_id is None else CLIENT_COUNTS
        used = {name: await count(session) for name, count in counts.items()}
        return LimitsView(
            [
                LimitView(
                    name=limit.name,
                    value=_value(found, limit, settings),
                    default=limit.default,
                    used=used.get(limit.name),
                    unit=limit.unit,
                    description=limit.description,
                    problem=f"/problems/{limit.problem}",
                )
                for limit in LIMITS.values()
            ]
        )


def _value(found: Limits, limit: Limit, settings: Settings) -> int:
    """What holds: no tenant may send more at once than the operator allows all."""
    value = found.of(limit)
    return min(value, settings.body_bytes_max) if limit is BODY_BYTES else value
