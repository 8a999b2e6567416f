"""Who may do what: the one table of operations, the scope that each needs, and the roles that may have it.

An application may do what its token's scopes allow. A member, who always acts through an application, may do
it only in one of the roles besides. An operation under `/v1` that is not here cannot be served.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from service.people.domain import Role

ALL = frozenset(Role)
STAFF = frozenset({Role.ADMIN, Role.MANAGER, Role.AGENT})
LEADS = frozenset({Role.ADMIN, Role.MANAGER})
OWNERS = frozenset({Role.ADMIN})
OVERSEERS = frozenset({Role.ADMIN, Role.AUDITOR})


@dataclass(frozen=True, slots=True)
class Permission:
    """What an operation asks of its caller."""

    scope: str
    roles: frozenset[Role]


PERMISSIONS: Mapping[str, Permission] = {
    "getAuditChainHead": Permission("audit:read", OVERSEERS),
    "getAuditRecord": Permission("audit:read", OVERSEERS),
    "listAuditRecords": Permission("audit:read", OVERSEERS),
    "listAlarms": Permission("alarms:read", OVERSEERS),
    "getAlarm": Permission("alarms:read", OVERSEERS),
    "getTenant": Permission("tenant:read", ALL),
    "changeTenant": Permission("tenant:write", OWNERS),
    "listTenantLimits": Permission("tenant:read", ALL),
    "listClients": Permission("clients:read", ALL),
    "getClient": Permission("clients:read", ALL),
    "createClient": Permission("clients:write", LEADS),
    "changeClient": Permission("clients:write", LEADS),
    "listContacts": Permission("contacts:read", ALL),
    "getContact": Permission("contacts:read", ALL),
    "createContact": Permission("contacts:write", STAFF),
    "changeContact": Permission("contacts:write", STAFF),
    "deleteContact": Permission("contacts:write", LEADS),
    "listApplications": Permission("applications:read", OVERSEERS),
    "getApplication": Permission("applications:read", OVERSEERS),
    "createApplication": Permission("applications:write", OWNERS),
    "changeApplication": Permission("applications:write", OWNERS),
    "rotateApplicationSecret": Permission("applications:write", OWNERS),
    "revokeApplication": Permission("applications:write", OWNERS),
    "listMembers": Permission("members:read", ALL),
    "getMember": Permission("members:read", ALL),
    "inviteMember": Permission("members:write", OWNERS),
    "inviteMemberAgain": Permission("members:write", OWNERS),
    "changeMember": Permission("members:write", OWNERS),
    "deactivateMember": Permission("members:write", OWNERS),
    "reactivateMember": Permission("members:write", OWNERS),
    "listGroups": Permission("groups:read", ALL),
    "getGroup": Permission("groups:read", ALL),
    "listGroupMembers": Permission("groups:read", ALL),
    "createGroup": Permission("groups:write", LEADS),
    "changeGroup": Permission("groups:write", LEADS),
    "removeGroup": Permission("groups:write", LEADS),
    "addGroupMember": Permission("groups:write", LEADS),
    "removeGroupMember": Permission("groups:write", LEADS),
    "listServices": Permission("services:read", ALL),
    "getService": Permission("services:read", ALL),
    "registerService": Permission("services:write", LEADS),
    "changeService": Permission("services:write", LEADS),
    "listMaintenanceWindows": Permission("services:read", ALL),
    "getMaintenanceWindow": Permission("services:read", ALL),
    "planMaintenance": Permission("services:write", LEADS),
    "changeMaintenance": Permission("services:write", LEADS),
    "callOffMaintenance": Permission("services:write", LEADS),
    "listCalendars": Permission("calendars:read", ALL),
    "getCalendar": Permission("calendars:read", ALL),
    "listCalendarVersions": Permission("calendars:read", ALL),
    "computeWorkingTime": Permission("calendars:read", ALL),
    "createCalendar": Permission("calendars:write", LEADS),
    "reviseCalendar": Permission("calendars:write", LEADS),
    "listRotas": Permission("rotas:read", ALL),
    "getRota": Permission("rotas:read", ALL),
    "getRotaDuty": Permission("rotas:read", ALL),
    "listRotaShifts": Permission("rotas:read", ALL),
    "listRotaGaps": Permission("rotas:read", ALL),
    "getRotaCalendar": Permission("rotas:read", ALL),
    "listRotaOverrides": Permission("rotas:read", ALL),
    "getRotaOverride": Permission("rotas:read", ALL),
    "listRotaFeeds": Permission("rotas:read", LEADS),
    "getRotaFeed": Permission("rotas:read", LEADS),
    "createRota": Permission("rotas:write", LEADS),
    "changeRota": Permission("rotas:write", LEADS),
    "removeRota": Permission("rotas:write", LEADS),
    "createRotaOverride": Permission("rotas:write", LEADS),
    "removeRotaOverride": Permission("rotas:write", LEADS),
    "swapRotaShifts": Permission("rotas:write", STAFF),
    "createRotaFeed": Permission("rotas:write", LEADS),
    "revokeRotaFeed": Permission("rotas:write", LEADS),
    "listLadders": Permission("ladders:read", ALL),
    "getLadder": Permission("ladders:read", ALL),
    "listLadderVersions": Permission("ladders:read", ALL),
    "previewLadder": Permission("ladders:read", ALL),
    "createLadder": Permission("ladders:write", LEADS),
    "reviseLadder": Permission("ladders:write", LEADS),
    "retireLadder": Permission("ladders:write", LEADS),
    "listFacts": Permission("facts:read", ALL),
    "getFact": Permission("facts:read", ALL),
    "declareFact": Permission("facts:write", LEADS),
    "changeFact": Permission("facts:write", LEADS),
    "deleteFact": Permission("facts:write", LEADS),
    "listPolicies": Permission("policies:read", ALL),
    "getPolicy": Permission("policies:read", ALL),
    "getPolicyVersion": Permission("policies:read", ALL),
    "listPolicyVersions": Permission("policies:read", ALL),
    "getPolicyTable": Permission("policies:read", ALL),
    "comparePolicyVersions": Permission("policies:read", ALL),
    "testPolicy": Permission("policies:read", ALL),
    "evaluateCondition": Permission("policies:read", ALL),
    "createPolicy": Permission("policies:write", LEADS),
    "revisePolicy": Permission("policies:write", LEADS),
    "publishPolicy": Permission("policies:write", LEADS),
    "revisePolicyTable": Permission("policies:write", LEADS),
    "submitPolicy": Permission("policies:write", LEADS),
    "unschedulePolicy": Permission("policies:write", LEADS),
    "retirePolicy": Permission("policies:write", LEADS),
    "revertPolicy": Permission("policies:write", LEADS),
    "approvePolicy": Permission("policies:approve", LEADS),
    "returnPolicy": Permission("policies:approve", LEADS),
    "listHistoryLogs": Permission("backtests:read", LEADS),
    "getHistoryLog": Permission("backtests:read", LEADS),
    "createHistoryLog": Permission("backtests:write", LEADS),
    "importCases": Permission("backtests:write", LEADS),
    "completeHistoryLog": Permission("backtests:write", LEADS),
    "deleteHistoryLog": Permission("backtests:write", LEADS),
    "simulatePolicy": Permission("policies:read", ALL),
    "listBacktests": Permission("backtests:read", ALL),
    "getBacktest": Permission("backtests:read", ALL),
    "listBacktestChanges": Permission("backtests:read", ALL),
    "exportBacktestChanges": Permission("backtests:read", ALL),
    "createBacktest": Permission("backtests:write", LEADS),
    "cancelBacktest": Permission("backtests:write", LEADS),
    "deleteBacktest": Permission("backtests:write", LEADS),
    "repinPolicy": Permission("policies:write", LEADS),
    "repinCalendar": Permission("calendars:write", LEADS),
    "listRepinnings": Permission("policies:read", ALL),
    "getRepinning": Permission("policies:read", ALL),
    "listRepinningChanges": Permission("policies:read", ALL),
    "cancelRepinning": Permission("policies:write", LEADS),
    "resumeRepinning": Permission("policies:write", LEADS),
    "listRequests": Permission("requests:read", ALL),
    "getRequest": Permission("requests:read", ALL),
    "listRequestEvents": Permission("requests:read", ALL),
    "getDecision": Permission("requests:read", ALL),
    "getWhy": Permission("requests:read", ALL),
    "getTimeline": Permission("requests:read", ALL),
    "submitRequest": Permission("requests:write", STAFF),
    "reportEvent": Permission("requests:write", STAFF),
    "listCommitments": Permission("commitments:read", ALL),
    "getCommitment": Permission("commitments:read", ALL),
    "createCommitment": Permission("commitments:write", STAFF),
    "fulfilCommitment": Permission("commitments:write", STAFF),
    "cancelCommitment": Permission("commitments:write", STAFF),
    "correctCommitment": Permission("commitments:write", LEADS),
    "listRenegotiations": Permission("commitments:read", ALL),
    "getRenegotiation": Permission("commitments:read", ALL),
    "proposeRenegotiation": Permission("commitments:write", STAFF),
    "settleRenegotiation": Permission("commitments:write", STAFF),
    "withdrawRenegotiation": Permission("commitments:write", STAFF),
    "answerRenegotiation": Permission("renegotiations:answer", STAFF),
    "listEvents": Permission("events:read", ALL),
    "listWebhookEndpoints": Permission("webhooks:read", OVERSEERS),
    "getWebhookEndpoint": Permission("webhooks:read", OVERSEERS),
    "createWebhookEndpoint": Permission("webhooks:write", OWNERS),
    "deleteWebhookEndpoint": Permission("webhooks:write", OWNERS),
    "getSandboxClock": Permission("sandbox:read", ALL),
    "moveSandboxClock": Permission("sandbox:write", OWNERS),
}
"""By the operation's id in the OpenAPI document."""

BACKDATE = Permission("requests:backdate", LEADS)
"""Asked for inside of an operation: to report what happened more than a day ago."""


def scopes_of(roles: Collection[Role]) -> frozenset[str]:
    """The scopes that a member in these roles may have: those of the operations that are open to it."""
    held = frozenset(roles)
    return frozenset(
        permission.scope for permission in (*PERMISSIONS.values(), BACKDATE) if permission.roles & held
    )
