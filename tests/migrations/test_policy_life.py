"""Policies that were in effect before their life was recorded are in effect after it, in their order."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from service import schema
from service.db import Sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.ids import PolicyId, TenantId
from service.rules import policies, store
from service.rules.lifecycle import Basis, Stage
from service.tenants import service as tenants
from service.tenants.domain import Approval

pytestmark = pytest.mark.concurrent

BEFORE = "20261122_1500"
RULE = {"id": "all", "when": "true", "because": "It is so."}
DOCUMENT: dict[str, Any] = {"rules": [RULE | {"then": {"promises": []}}]}

INSERT_TENANT = "insert into tenant values (:tenant, :slug, 'Harbour', :kind, now())"
INSERT_POLICY = """
insert into policy (tenant_id, id, name, kind, version, published_version, created_at)
values (:tenant, :policy, gen_random_uuid(), 'commitment', 2, :published, now())
"""
INSERT_VERSION = """
insert into policy_version (tenant_id, id, policy_id, version, document, created_at)
values (:tenant, :version, :policy, :number, :document, now())
"""
INSERT_POINTER = """
insert into policy_pointer (tenant_id, id, kind, effective, changed_at)
values (:tenant, gen_random_uuid(), 'commitment', :effective, now())
"""
INSERT_AUDIT_RECORD = """
insert into audit_record (tenant_id, id, recorded_at, actor, action, subject, changes)
values (:tenant, gen_random_uuid(), now(), 'operator', 'policy.published', :subject, :changes)
"""
REPLACE_POINTER = "update policy_pointer set effective = :effective where tenant_id = :tenant"
POINTERS = "select kind, effective from policy_pointer where tenant_id = :tenant"


class _World:
    """A live tenant with three policies, of which two are in effect, the later one first; and a sandbox."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.tenant, self.sandbox = uuid4(), uuid4()
        self.policies = sorted(uuid4() for _ in range(3))

    def plant(self) -> None:
        for tenant, kind in ((self.tenant, "live"), (self.sandbox, "sandbox")):
            self._run(INSERT_TENANT, tenant=tenant, slug=f"t-{tenant.hex[:12]}", kind=kind)
        self._run(f"set local rooted.tenant_id = '{self.tenant}'")
        refs = [
            self._policy(policy, published)
            for policy, published in zip(self.policies, (1, 1, None), strict=True)
        ]
        self._run(INSERT_POINTER, tenant=self.tenant, effective=json.dumps([refs[1], refs[0]]))
        self._run("set local rooted.tenant_id = ''")

    def _policy(self, policy: UUID, published: int | None) -> dict[str, object]:
        versions = [uuid4(), uuid4()]
        self._run(INSERT_POLICY, tenant=self.tenant, policy=policy, published=published)
        for number, version in enumerate(versions, 1):
            names = {"tenant": self.tenant, "policy": policy, "version": version, "number": number}
            self._run(INSERT_VERSION, **names, document=json.dumps(DOCUMENT))
        return {"policy_id": str(policy), "version_id": str(versions[0]), "version": 1}

    def plant_replaced(self) -> UUID:
        """A policy whose second version is in effect, and whose first was."""
        policy = uuid4()
        self._run(f"set local rooted.tenant_id = '{self.tenant}'")
        self._policy(policy, 2)
        for before, after in ((None, 1), (1, 2)):
            changes = json.dumps({"published_version": {"before": before, "after": after}})
            subject = f"policy:{policy}"
            self._run(INSERT_AUDIT_RECORD, tenant=self.tenant, subject=subject, changes=changes)
        self._run("set local rooted.tenant_id = ''")
        return policy

    def hold_several(self) -> None:
        """Let versions of one policy wait for their instant, and hold for the requests of their time."""
        entries = [
            {
                "policy_id": str(policy),
                "version_id": str(uuid4()),
                "version": number,
                "order": order,
                "effective_at": at,
                "new_requests_only": number == 2,
            }
            for order, policy, number, at in (
                (700, self.policies[0], 1, "2020-01-01T00:00:00Z"),
                (600, self.policies[0], 2, "2021-01-01T00:00:00Z"),
                (100, self.policies[0], 3, "2999-01-01T00:00:00Z"),
                (500, self.policies[1], 1, "2021-01-01T00:00:00Z"),
                (400, self.policies[2], 1, "2999-01-01T00:00:00Z"),
            )
        ]
        self._run(f"set local rooted.tenant_id = '{self.tenant}'")
        effective = json.dumps({"commitment": entries})
        self._run(REPLACE_POINTER, tenant=self.tenant, effective=effective)
        self._run("set local rooted.tenant_id = ''")

    def versions_pointed(self) -> list[tuple[int, int]]:
        """The place of each policy that a pointer names, with the version."""
        self._run(f"set local rooted.tenant_id = '{self.tenant}'")
        ((_, effective),) = self._connection.execute(text(POINTERS), {"tenant": self.tenant}).all()
        self._run("set local rooted.tenant_id = ''")
        return [(self.policies.index(UUID(entry["policy_id"])), entry["version"]) for entry in effective]

    def pointed(self) -> list[tuple[str, list[int]]]:
        """Which policies each pointer names, by their places."""
        self._run(f"set local rooted.tenant_id = '{self.tenant}'")
        found = self._connection.execute(text(POINTERS), {"tenant": self.tenant}).all()
        self._run("set local rooted.tenant_id = ''")
        return [
            (kind, [self.policies.index(UUID(entry["policy_id"])) for entry in effective])
            for kind, effective in found
        ]

    def _run(self, statement: str, **values: object) -> None:
        self._connection.execute(text(statement), values)


async def test_what_was_in_effect_stays_so_in_its_order_and_has_the_steps_it_took(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    engine = create_async_engine(own_database.owner_url)
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.downgrade(schema.configuration(sync), BEFORE))
        world = await connection.run_sync(_World)
        await connection.run_sync(lambda _: world.plant())
        await connection.run_sync(lambda sync: command.upgrade(schema.configuration(sync), "head"))
        await connection.commit()

        async with tenant_transaction(own_sessions, TenantId(world.tenant)) as session:
            entries = (await store.pointed(session))["commitment"]
            published = await policies.get_version(session, PolicyId(world.policies[0]), 1)
            shown = [await policies.get(session, PolicyId(policy)) for policy in world.policies]
            live = await tenants.get(session)
        async with tenant_transaction(own_sessions, TenantId(world.sandbox)) as session:
            nothing, sandbox = await store.pointed(session), await tenants.get(session)

        await connection.run_sync(lambda sync: command.downgrade(schema.configuration(sync), BEFORE))
        after = await connection.run_sync(lambda _: world.pointed())
        await connection.run_sync(lambda sync: command.upgrade(schema.configuration(sync), "head"))
        await connection.commit()
    await engine.dispose()

    in_order = sorted(entries, key=lambda entry: entry.order)
    assert [entry.ref.policy_id for entry in in_order] == [world.policies[1], world.policies[0]]
    assert not any(entry.new_requests_only for entry in entries)
    assert (published.stage, published.author) == (Stage.PUBLISHED, None)
    assert {step.basis for step in published.steps} == {Basis.MIGRATED}
    assert [each.stage for each in shown] == [Stage.DRAFT] * 3
    assert [each.published_version for each in shown] == [1, 1, None]
    assert [each.revision for each in shown] == [5, 5, 2]
    assert (live.approval, sandbox.approval) == (Approval.MEMBERS, Approval.GIT)
    assert nothing == {}
    assert after == [("commitment", [1, 0])]


async def test_going_back_leaves_of_each_policy_the_version_that_new_requests_are_decided_by(
    own_database: EmbeddedDatabase,
) -> None:
    engine = create_async_engine(own_database.owner_url)
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.downgrade(schema.configuration(sync), BEFORE))
        world = await connection.run_sync(_World)
        await connection.run_sync(lambda _: world.plant())
        await connection.run_sync(lambda sync: command.upgrade(schema.configuration(sync), "head"))
        await connection.run_sync(lambda _: world.hold_several())

        await connection.run_sync(lambda sync: command.downgrade(schema.configuration(sync), BEFORE))

        after = await connection.run_sync(lambda _: world.versions_pointed())
        await connection.run_sync(lambda sync: command.upgrade(schema.configuration(sync), "head"))
        await connection.commit()
    await engine.dispose()

    assert after == [(1, 1), (0, 2)]


async def test_what_was_in_effect_once_was_published_and_can_be_reverted_to(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    engine = create_async_engine(own_database.owner_url)
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.downgrade(schema.configuration(sync), BEFORE))
        world = await connection.run_sync(_World)
        await connection.run_sync(lambda _: world.plant())
        policy = PolicyId(await connection.run_sync(lambda _: world.plant_replaced()))
        await connection.run_sync(lambda sync: command.upgrade(schema.configuration(sync), "head"))
        await connection.commit()
    await engine.dispose()

    async with tenant_transaction(own_sessions, TenantId(world.tenant)) as session:
        versions = await policies.list_versions(session, policy, before=None, limit=10)
    assert [(each.version, each.stage) for each in versions] == [(2, Stage.PUBLISHED), (1, Stage.RETIRED)]
