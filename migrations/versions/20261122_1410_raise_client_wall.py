"""Raise the wall between the client organizations of a tenant: which one a transaction is confined to."""

from alembic import op

revision = "20261122_1410"
down_revision = "20261122_1400"


SET_CLIENT = """
create function rooted.set_tenant(t uuid, c uuid) returns void language plpgsql as $$
declare current_client text := nullif(current_setting('rooted.client_id', true), '');
begin
  perform rooted.set_tenant(t);
  if current_client <> c::text then
    raise exception 'another client is set in this transaction' using errcode = '42501';
  end if;
  execute format('set local rooted.client_id = %L', c::text);
end $$
"""


def upgrade() -> None:
    op.execute(SET_CLIENT)


def downgrade() -> None:
    op.execute("drop function rooted.set_tenant(uuid, uuid)")
