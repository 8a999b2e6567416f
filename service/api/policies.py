"""HTTP for policies and single conditions: parse, call one use case, render."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from service.api import conditional
from service.api.conditional import Precondition
from service.api.fields import Name
from service.api.findings import FindingView
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.audit.domain import Actor
from service.calendars import service as calendars
from service.db import TenantSession
from service.ids import PolicyId
from service.rules import policies
from service.rules.domain import Policy
from service.rules.findings import Finding
from service.rules.language.trial import evaluate_expression
from service.rules.policies import PolicyDraft
from service.rules.service import Rulebook


class CreatePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy with its first version, which is a draft until it is published."""

    name: Name
    kind: Annotated[str, msgspec.Meta(description="What it decides: `commitment`.")]
    document: Annotated[dict[str, Any], msgspec.Meta(description="See docs/guides/policies.md.")]


class RevisePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A further version, which is a draft until it is published."""

    document: dict[str, Any]


class PolicyView(msgspec.Struct, frozen=True):
    id: PolicyId
    name: str
    kind: str
    version: int
    published_version: int | None
    created_at: datetime

    @classmethod
    def of(cls, policy: Policy) -> "PolicyView":
        return cls(
            id=policy.id,
            name=policy.name,
            kind=policy.kind,
            version=policy.version,
            published_version=policy.published_version,
            created_at=policy.created_at,
        )


class SavedPolicyView(PolicyView, frozen=True):
    """A policy whose document was saved; `findings` say what is wrong with it, or can hardly be meant."""

    findings: list[FindingView]

    @classmethod
    def with_findings(cls, policy: Policy, findings: Sequence[Finding]) -> "SavedPolicyView":
        fields = msgspec.structs.asdict(PolicyView.of(policy))
        return cls(**fields, findings=list(map(FindingView.of, findings)))


class PolicyVersionView(msgspec.Struct, frozen=True):
    policy_id: PolicyId
    version: int
    document: dict[str, Any]


class EvaluateCondition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An expression and the facts it reads; without declarations their types are those of their JSON."""

    expression: str
    facts: dict[str, Any] = {}
    declarations: dict[str, Any] | None = None


class PolicyController(Controller):
    path = "/v1/policies"
    tags = ("Policies",)

    @post("/", operation_id="createPolicy")
    async def create(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[CreatePolicy],
    ) -> Response[SavedPolicyView]:
        """Create a policy. Nothing is decided by it before it is published."""

        async def effect() -> Response[SavedPolicyView]:
            draft = PolicyDraft(name=data.name, kind=data.kind, document=data.document)
            policy, findings = await policies.create(session, rulebook, actor, draft, now=now)
            view, address = SavedPolicyView.with_findings(policy, findings), f"/v1/policies/{policy.id}"
            return conditional.created(view, tag=_tag(policy), address=address)

        return await once(effect)

    @get("/", operation_id="listPolicies")
    async def list_all(
        self, session: NamedDependency[TenantSession], paging: NamedDependency[Paging]
    ) -> Response[Page[PolicyView]]:
        """List the policies, oldest first."""
        found = await policies.list_all(session, after=paging.after(UUID), limit=paging.sought)
        return paging.page(found, position=lambda policy: policy.id, view=PolicyView.of)

    @get("/{policy_id:uuid}", operation_id="getPolicy")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        policy_id: FromPath[PolicyId],
    ) -> Response[PolicyView]:
        """Show one policy."""
        policy = await policies.get(session, policy_id)
        return conditional.respond(request, PolicyView.of(policy), tag=_tag(policy))

    @put("/{policy_id:uuid}", operation_id="revisePolicy")
    async def revise(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        precondition: NamedDependency[Precondition],
        policy_id: FromPath[PolicyId],
        data: JSONBody[RevisePolicy],
    ) -> Response[SavedPolicyView]:
        """Add a version. The version in effect stays in effect until the new one is published."""
        held = await policies.get(session, policy_id, lock=True)
        precondition.check(_tag(held))
        policy, findings = await policies.revise(
            session, rulebook, actor, held, document=data.document, now=now
        )
        view = SavedPolicyView.with_findings(policy, findings)
        return Response(view, headers={"ETag": _tag(policy)})

    @get(
        "/{policy_id:uuid}/versions/{version:int}",
        operation_id="getPolicyVersion",
    )
    async def get_version(
        self,
        session: NamedDependency[TenantSession],
        policy_id: FromPath[PolicyId],
        version: FromPath[int],
    ) -> PolicyVersionView:
        """Show one version; it never changes."""
        document = await policies.get_document(session, policy_id, version)
        return PolicyVersionView(policy_id, version, document)

    @post(
        "/{policy_id:uuid}/publish",
        status_code=200,
        operation_id="publishPolicy",
    )
    async def publish(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        actor: NamedDependency[Actor],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        policy_id: FromPath[PolicyId],
    ) -> Response[PolicyView]:
        """Put the newest version into effect. Promises made before keep the version they were made by."""

        async def effect() -> Response[PolicyView]:
            names = await calendars.names(session)
            policy = await policies.publish(session, rulebook, actor, policy_id, calendars=names, now=now)
            return Response(PolicyView.of(policy), headers={"ETag": _tag(policy)})

        return await once(effect, status_code=200)


class RuleController(Controller):
    path = "/v1/rules"
    tags = ("Policies",)

    @post("/evaluate", status_code=200, operation_id="evaluateCondition")
    async def evaluate(self, data: JSONBody[EvaluateCondition]) -> dict[str, Any]:
        """Evaluate one expression on facts: its value or error, and why."""
        return evaluate_expression(data.expression, data.facts, data.declarations)


def _tag(policy: Policy) -> str:
    return conditional.etag(policy.id, policy.version, policy.published_version or 0)
