"""Composition root for HTTP: the one place where settings meet what requests need."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any

from litestar import Controller, Litestar, Request
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide

from service import composition, schema
from service.api import conditional, idempotency, openapi, pagination
from service.api.accidents import AccidentController
from service.api.alarms import AlarmController
from service.api.application import Access, Application
from service.api.applications import ApplicationController
from service.api.approvals import ApprovalController
from service.api.arrangement_links import ArrangementLinkController
from service.api.arrangements import ArrangementController
from service.api.audit import AuditController
from service.api.backtests import BacktestController
from service.api.bodies import Screening, StrictRequest
from service.api.calendars import CalendarController
from service.api.checklists import ChecklistController
from service.api.clients import ClientController
from service.api.commitments import CommitmentController
from service.api.contacts import ContactController
from service.api.delegations import DelegationController
from service.api.errors import TokenMissing
from service.api.escalations import EscalationController, NoticeController, RequestEscalationController
from service.api.events import EventController
from service.api.facts import FactController
from service.api.gates import GateController
from service.api.groups import GroupController
from service.api.health import HealthController, Readiness
from service.api.history_logs import HistoryLogController
from service.api.improvements import ImprovementController
from service.api.ladders import LadderController
from service.api.limits import LimitController
from service.api.maintenance import MaintenanceController, ServiceMaintenanceController
from service.api.major_incidents import MajorIncidentController
from service.api.message_templates import MessageController, MessageTemplateController
from service.api.oauth.authority import SUCCESSION, Authority
from service.api.oauth.controller import OAuthController
from service.api.oauth.desk import Terms
from service.api.oauth.pages import AuthorizationController
from service.api.oauth.ring import KeyRing
from service.api.oauth.verification import Verifier
from service.api.objections import ObjectionController, ObjectionTermsController
from service.api.openapi import Description, OpenAPIController
from service.api.opened import Ending, Opens
from service.api.pages.account import AccountController
from service.api.pages.arrangement import ArrangementPageController
from service.api.pages.assets import AssetController
from service.api.pages.doors import InvitationController, PasswordResetController
from service.api.pages.log_in import LogInController
from service.api.pages.renegotiation import RenegotiationPageController
from service.api.pages.site import Site
from service.api.people import MemberController
from service.api.permissions import BACKDATE
from service.api.policies import PolicyController, RuleController
from service.api.problems import HANDLERS, ProblemController
from service.api.promises import PromiseController, RequestPromiseController
from service.api.publishing import PublishingController
from service.api.questionnaires import QuestionnaireController
from service.api.rates import Door, Metering
from service.api.refusals import Witnessing, actor_of, noted, settling
from service.api.renegotiations import CommitmentRenegotiationController, RenegotiationController
from service.api.repinnings import (
    CalendarRepinningController,
    PolicyRepinningController,
    RepinningController,
)
from service.api.request_types import RequestTypeController
from service.api.requests import RequestController
from service.api.reviews import ReviewController
from service.api.rota_agreements import FeedController, RotaAgreementController, RotaFeedController
from service.api.rotas import RotaController
from service.api.sandbox import SandboxController
from service.api.security import Authentication, Authorization, Principal, refuse_unlisted
from service.api.services import ServiceController
from service.api.simulations import SimulationController
from service.api.special_methods import SpecialMethodController
from service.api.tenants import TenantController
from service.api.webhooks import WebhookController
from service.audit.domain import Actor
from service.audit.witness import Witness
from service.clock import Clock, SystemClock
from service.commitments import service as commitments
from service.db import Sessions, TenantSession, tenant_transaction
from service.errors import ServiceError
from service.limits.domain.table import DEFAULTS, OPEN_PROMISES
from service.limits.gate import Gate
from service.limits.seats import Seats
from service.limits.tally import Tally
from service.requests.service import Caller
from service.rules.matching import Engine
from service.rules.reference import ReferenceEngine
from service.settings import Settings
from service.telemetry import Metrics
from service.tenants import service as tenants
from service.vault import Vault
from service.wakeups.service import Advances

CONTROLLERS: tuple[type[Controller], ...] = (
    AuditController,
    AlarmController,
    TenantController,
    LimitController,
    ApplicationController,
    ClientController,
    ContactController,
    ServiceController,
    ServiceMaintenanceController,
    MaintenanceController,
    MemberController,
    GroupController,
    CalendarController,
    RotaController,
    RotaAgreementController,
    RotaFeedController,
    FeedController,
    LadderController,
    EscalationController,
    RequestEscalationController,
    NoticeController,
    FactController,
    BacktestController,
    SimulationController,
    PolicyController,
    PublishingController,
    RuleController,
    HistoryLogController,
    RequestTypeController,
    RequestController,
    ChecklistController,
    PolicyRepinningController,
    CalendarRepinningController,
    RepinningController,
    CommitmentController,
    MajorIncidentController,
    AccidentController,
    ReviewController,
    ImprovementController,
    RequestPromiseController,
    PromiseController,
    CommitmentRenegotiationController,
    RenegotiationController,
    GateController,
    ApprovalController,
    DelegationController,
    QuestionnaireController,
    ArrangementLinkController,
    MessageController,
    MessageTemplateController,
    ArrangementController,
    ObjectionController,
    ObjectionTermsController,
    SpecialMethodController,
    EventController,
    WebhookController,
    SandboxController,
    OAuthController,
    AuthorizationController,
    HealthController,
    ProblemController,
    OpenAPIController,
    LogInController,
    AccountController,
    InvitationController,
    PasswordResetController,
    ArrangementPageController,
    RenegotiationPageController,
    AssetController,
)
"""Every controller of the API. A slice adds its own here."""


def create_app(  # noqa: PLR0913 - the composition root takes what its two callers differ in
    settings: Settings,
    sessions: Sessions,
    *,
    vault: Vault,
    engine: Engine | None = None,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    controllers: Sequence[type[Controller]] = CONTROLLERS,
    limits: Mapping[str, int] = DEFAULTS,
) -> Litestar:
    """The API.

    Args:
        settings: as the operator wants it.
        sessions: on the login role, which owns nothing.
        vault: seals and opens what is secret.
        engine: matches rules; the reference evaluator where none is given.
        clock: the wall clock, unless a test brings its own.
        metrics: shared with what else runs in this process.
        controllers: all of them, unless a test brings its own.
        limits: of a tenant that has none of its own, unless a test brings others.
    """
    clock, metrics = clock or SystemClock(), metrics or Metrics()
    ring = KeyRing(sessions, clock, vault, token_ttl=settings.access_token_ttl)
    witness = Witness(sessions, clock, tenants.now)
    dependencies = {
        **_kernel(sessions, ring),
        "authority": _value(_authority(settings, sessions, ring, clock, vault, witness)),
        "advances": _value(Advances(composition.ADVANCES)),
        "clock": _value(clock),
        "rulebook": _value(composition.rulebook(engine or ReferenceEngine())),
        "metrics": _value(metrics),
        "sessions": _value(sessions),
        "site": _value(Site(sessions, clock, vault, settings.issuer, composition.lifetimes(settings))),
        "settings": _value(settings),
        "vault": _value(vault),
        "witness": _value(witness),
        "readiness": _value(Readiness(sessions, clock, schema.head())),
    }
    dependencies["description"] = _value(Description(lambda: describe(dependencies)))
    verifier = Verifier(sessions, ring, clock, issuer=settings.issuer)
    app = Application(
        access=Access(metrics),
        route_handlers=list(controllers),
        dependencies=dependencies,
        lifespan=[settling(witness)],
        middleware=[
            Witnessing(witness),
            Ending(),
            Screening(),
            Authentication(verifier),
            Metering(_door(settings, sessions, limits)),
            Authorization(),
        ],
        exception_handlers={**HANDLERS, ServiceError: noted},
        request_class=StrictRequest,
        request_max_body_size=settings.body_bytes_max,
        state=State({"settings": settings}),
        openapi_config=None,
        logging_config=None,
    )
    refuse_unlisted(app)
    return app


def _door(settings: Settings, sessions: Sessions, limits: Mapping[str, int]) -> Door:
    open_promises = Tally(sessions, OPEN_PROMISES, commitments.open_count, monotonic=time.monotonic)
    return Door(
        gate=Gate(sessions, monotonic=time.monotonic, defaults=limits),
        seats=Seats(settings.database_pool_size),
        body_bytes_max=settings.body_bytes_max,
        checks={"submitRequest": open_promises.refuse, "createCommitment": open_promises.refuse},
    )


def describe(dependencies: dict[str, Provide]) -> openapi.Document:
    """The OpenAPI document of this API."""
    return openapi.document(CONTROLLERS, dependencies, version=version("rooted"))


def _kernel(sessions: Sessions, ring: KeyRing) -> dict[str, Provide]:
    """What every slice's operations may ask for by name."""

    def principal(request: Request[Any, Any, Any]) -> Principal:
        if "user" not in request.scope:
            raise TokenMissing  # an operation that declares no scope never gets at a tenant
        return request.user

    async def session(
        request: Request[Any, Any, Any],  # noqa: ARG001 - knows what it has opened
        principal: NamedDependency[Principal],
    ) -> AsyncGenerator[TenantSession]:
        async with tenant_transaction(sessions, principal.tenant_id, client_id=principal.client_id) as opened:
            yield opened

    async def now(session: NamedDependency[TenantSession]) -> datetime:
        return await tenants.now(session)

    def actor(request: Request[Any, Any, Any], principal: NamedDependency[Principal]) -> Actor:
        return actor_of(request.scope, principal)

    def caller(principal: NamedDependency[Principal], actor: NamedDependency[Actor]) -> Caller:
        may_backdate = BACKDATE.scope in principal.scopes
        return Caller(principal.client_id, may_backdate=may_backdate, actor=actor)

    return {
        "principal": Provide(principal, sync_to_thread=False),
        "session": Opens(session),
        "now": Provide(now),
        "actor": Provide(actor, sync_to_thread=False),
        "caller": Provide(caller, sync_to_thread=False),
        "once": Provide(idempotency.once),
        "precondition": Provide(conditional.precondition, sync_to_thread=False),
        "paging": Provide(pagination.provide_paging(ring.cursor_keys)),
    }


def _authority(
    settings: Settings, sessions: Sessions, ring: KeyRing, clock: Clock, vault: Vault, witness: Witness
) -> Authority:
    return Authority(
        sessions=sessions,
        ring=ring,
        clock=clock,
        terms=Terms(
            issuer=settings.issuer,
            token_ttl=settings.access_token_ttl,
            family_ttl=settings.refresh_token_ttl,
            family_idle=settings.refresh_token_idle,
        ),
        successions=lambda: vault.derivations(SUCCESSION),
        witness=witness,
    )


def _value(value: object) -> Provide:
    def provide() -> Any:
        return value

    return Provide(provide, sync_to_thread=False)
