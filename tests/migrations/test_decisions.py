"""Decisions that were made when there was one kind of policy are read as before, and go back as they were."""

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
from service.ids import RequestId, TenantId
from service.requests import reading

pytestmark = pytest.mark.concurrent

BEFORE = "20261122_1450"
PROMISES = [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 60}}]
RULE = {"id": "p1", "when": "true", "then": {"promises": PROMISES}, "because": "It is urgent."}
BY_RULES = {"rules": [RULE | {"id": "p0"}, RULE]}
BY_ROWS: dict[str, Any] = {"table": {"inputs": [], "rows": [{"id": "p1"}]}}

INSERT_TENANT = "insert into tenant values (:tenant, :slug, 'Harbour', 'live', now())"
INSERT_POLICY = """
insert into policy (tenant_id, id, name, kind, version, published_version, created_at)
  values (:tenant, :policy, gen_random_uuid(), 'commitment', 1, 1, now())
"""
INSERT_VERSION = """
insert into policy_version (tenant_id, id, policy_id, version, document, created_at)
  values (:tenant, :version, :policy, 1, :document, now())
"""
INSERT_REQUEST = """
insert into request (tenant_id, id, source, external_id, type, state, facts, opened_at, received_at, sequence)
  values (:tenant, :request, 'desk', gen_random_uuid(), 'incident', 'open', '{}', now(), now(), 1)
"""
INSERT_EVENT = """
insert into request_event
  (tenant_id, id, request_id, type, occurred_at, source_sequence, received_at, detail, backdated)
  values (:tenant, :request, :request, 'opened', now(), 0, now(), '{}', false)
"""
INSERT_DECISION = """
insert into decision (
  tenant_id, id, request_id, request_event_id, decided_at, kind, degraded, engine,
  facts, versions, calendars, policy_version_id, rule_id, matched
) values (
  :tenant, :request, :request, :request, now(), 'commitment', false, 'durable',
  '{"request": {"priority": "P1"}}', :versions, '{}', :version, :rule, :matched
)
"""
DECISIONS = "select to_jsonb(decision) from decision where tenant_id = :tenant order by id"


class _World:
    """A tenant with a decision by a rule, one by a row of a table, and one that no rule matched."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.tenant = uuid4()

    def plant(self) -> list[UUID]:
        slug = f"t-{self.tenant.hex[:12]}"
        self._run(INSERT_TENANT, tenant=self.tenant, slug=slug)
        self._run(f"set local rooted.tenant_id = '{self.tenant}'")
        documents = [BY_RULES, BY_ROWS, BY_RULES]
        requests = [
            self._request(document, rule=rule)
            for document, rule in zip(documents, ["p1", "p1", None], strict=True)
        ]
        self._run("set local rooted.tenant_id = ''")
        return requests

    def _request(self, document: dict[str, Any], *, rule: str | None) -> UUID:
        policy, version, request = uuid4(), uuid4(), uuid4()
        names = {"tenant": self.tenant, "policy": policy, "version": version, "request": request}
        ref = {"policy_id": str(policy), "version_id": str(version), "version": 1}
        matched = {"version_id": str(version), "rules": ["p1"] if rule else [], "errors": ["p0"]}
        self._run(INSERT_POLICY, tenant=self.tenant, policy=policy)
        self._run(
            INSERT_VERSION, tenant=self.tenant, policy=policy, version=version, document=json.dumps(document)
        )
        self._run(INSERT_REQUEST, tenant=self.tenant, request=request)
        self._run(INSERT_EVENT, tenant=self.tenant, request=request)
        followed = names | {"version": version if rule else None}
        del followed["policy"]
        self._run(
            INSERT_DECISION,
            **followed,
            versions=json.dumps([ref]),
            rule=rule,
            matched=json.dumps([matched]),
        )
        return request

    def kept(self) -> list[Any]:
        self._run(f"set local rooted.tenant_id = '{self.tenant}'")
        found = self._connection.execute(text(DECISIONS), {"tenant": self.tenant}).scalars().all()
        self._run("set local rooted.tenant_id = ''")
        return list(found)

    def _run(self, statement: str, **values: object) -> None:
        self._connection.execute(text(statement), values)


async def test_decisions_of_one_kind_are_read_as_before_and_go_back_as_they_were(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    engine = create_async_engine(own_database.owner_url)
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.downgrade(schema.configuration(sync), BEFORE))
        world = await connection.run_sync(_World)
        requests = await connection.run_sync(lambda _: world.plant())
        before = await connection.run_sync(lambda _: world.kept())
        await connection.run_sync(lambda sync: command.upgrade(schema.configuration(sync), "head"))
        await connection.commit()

        async with tenant_transaction(own_sessions, TenantId(world.tenant)) as session:
            by_rule, by_row, unmatched = [
                (await reading.decisions(session, RequestId(request), client_id=None))[-1]
                for request in requests
            ]

        await connection.run_sync(lambda sync: command.downgrade(schema.configuration(sync), BEFORE))
        after = await connection.run_sync(lambda _: world.kept())
        await connection.run_sync(lambda sync: command.upgrade(schema.configuration(sync), "head"))
        await connection.commit()
    await engine.dispose()

    answer = by_rule.of("commitment")
    assert by_rule.promises == PROMISES
    assert [(one.rule_id, one.because) for one in answer.winners] == [("p1", "It is urgent.")]
    assert (answer.consulted[0].matched, answer.consulted[0].errors) == (("p1",), ("p0",))
    assert by_rule.given == by_rule.facts == {"request": {"priority": "P1"}}
    assert (by_row.promises, [one.rule_id for one in by_row.of("commitment").winners]) == (None, ["p1"])
    assert unmatched.of("commitment").winners == ()
    assert [promise["metric"] for promise in unmatched.promises or []] == ["respond", "resolve"]
    assert {one.verdict["verdict"] for one in (by_rule, by_row, unmatched)} == {"accept"}
    assert after == before
    assert len(before) == len(requests)
