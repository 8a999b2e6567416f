"""Let a decision hold what the policies of every kind say, and the facts as they were before classification.

A decision that was made before is one by commitment policies. What its rule promised is taken from the
document of the policy where the rule stands there by itself; of a row of a table it was not kept.
"""

from uuid import UUID

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import in_each_tenant

revision = "20261122_1500"
down_revision = "20261122_1450"

CARRY_OVER = """
update decision set given = '{}', answers = jsonb_build_array(jsonb_build_object(
  'kind', kind,
  'versions', versions,
  'consulted', matched,
  'winners', case when rule_id is null then '[]'::jsonb else jsonb_build_array(jsonb_build_object(
    'version_id', policy_version_id, 'rule_id', rule_id
  )) end,
  'outcome', null
))
where tenant_id = :tenant
"""
FIND_OUTCOMES = """
update decision set answers = jsonb_set(jsonb_set(
  answers, '{0,outcome}', rule.value->'then'), '{0,winners,0,because}', rule.value->'because'
)
from policy_version, jsonb_array_elements(policy_version.document->'rules') as rule
where decision.tenant_id = :tenant and policy_version.tenant_id = :tenant
  and policy_version.id = decision.policy_version_id and rule.value->>'id' = decision.rule_id
"""
CARRY_BACK = """
update decision set
  kind = 'commitment',
  versions = coalesce(jsonb_path_query_first(answers, '$[*] ? (@.kind == "commitment").versions'), '[]'),
  matched = coalesce(jsonb_path_query_first(answers, '$[*] ? (@.kind == "commitment").consulted'), '[]')
where tenant_id = :tenant
"""
BEFORE = {"kind": sa.Text(), "versions": JSONB(), "matched": JSONB()}
AFTER = {"given": JSONB(), "answers": JSONB()}


def upgrade() -> None:
    for name, kind in AFTER.items():
        op.add_column("decision", sa.Column(name, kind, nullable=True))
    in_each_tenant(_carry_over)
    for name in AFTER:
        op.alter_column("decision", name, nullable=False)
    for name in BEFORE:
        op.drop_column("decision", name)


def downgrade() -> None:
    for name, kind in BEFORE.items():
        op.add_column("decision", sa.Column(name, kind, nullable=True))
    in_each_tenant(_carry_back)
    for name in BEFORE:
        op.alter_column("decision", name, nullable=False)
    for name in AFTER:
        op.drop_column("decision", name)


def _carry_over(tenant_id: UUID) -> None:
    for statement in (CARRY_OVER, FIND_OUTCOMES):
        op.get_bind().execute(sa.text(statement), {"tenant": tenant_id})


def _carry_back(tenant_id: UUID) -> None:
    op.get_bind().execute(sa.text(CARRY_BACK), {"tenant": tenant_id})
