"""Which queued jobs a worker takes next: each tenant's in turn, and of one tenant no more than its share.

pgqueuer takes them in the order of their making, whoever they belong to. Here each job has a lane, its
tenant's. The next job is the one whose lane has the fewest under way in this worker, and among these the one
that is due longest. A lane that has its share under way is not looked at: what is left waits untouched.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.models import Job
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.types import JobId, QueueEntrypoint, QueueManagerId

TAKE = """
with recursive
lanes as (
    (select lane from pgqueuer where status = 'queued' order by lane limit 1)
    union all
    select (
        select next.lane from pgqueuer as next
        where next.status = 'queued' and next.lane > lanes.lane order by next.lane limit 1
    )
    from lanes where lanes.lane is not null
),
busy as (select * from unnest($5::uuid[], $6::int[]) as busy (lane, jobs)),
waiting as (
    select job.id, job.execute_after, coalesce(busy.jobs, 0) + job.place as turn
    from lanes left join busy on busy.lane = lanes.lane
    cross join lateral (
        select first.*, row_number() over (order by first.execute_after, first.id) as place
        from (
            select id, execute_after from pgqueuer
            where status = 'queued' and lane = lanes.lane and entrypoint = any($2) and execute_after <= now()
            order by execute_after, id limit greatest(0, $7::int - coalesce(busy.jobs, 0))
        ) as first
    ) as job
    where lanes.lane is not null
    union all
    select id, execute_after, 0 from pgqueuer
    where status = 'picked' and entrypoint = any($2) and heartbeat < now() - $4::interval
),
chosen as (select id from waiting order by turn, execute_after, id limit $1),
locked as (
    select id from pgqueuer
    where id = any(array(select id from chosen))
        and (status = 'queued' or status = 'picked' and heartbeat < now() - $4::interval)
    for update skip locked
),
taken as (
    update pgqueuer set status = 'picked', updated = now(), heartbeat = now(), queue_manager_id = $3
    where id = any(array(select id from locked))
    returning *
),
logged as (
    insert into pgqueuer_log (job_id, status, entrypoint, priority)
    select id, status, entrypoint, priority from taken
)
select * from taken order by execute_after, id
"""
"""The lanes are found by leaps through an index, one for each, however long they are. Jobs of a worker that
has fallen silent go before all others: they were under way already."""

ANY_DUE = """
select 1 as due from pgqueuer
where status = 'queued' and entrypoint = any($1) and execute_after <= now() limit 1
"""


@dataclass
class Turns(Queries):
    """pgqueuer's queries, with a choice of our own.

    Attributes:
        share: how many jobs of one lane may be under way here.
        under_way: names the jobs that are; the queue manager keeps it.
    """

    share: int = 1
    under_way: Mapping[JobId, object] = field(default_factory=dict[JobId, object])
    _lanes: dict[JobId, UUID] = field(default_factory=dict[JobId, UUID])

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        """Take up to `batch_size` jobs, and no more than there is room for.

        Raises:
            ValueError: there is no limit on how many are under way, of which a lane could have a share.
        """
        if global_concurrency_limit is None:
            raise ValueError("a worker takes a bounded number of jobs at once")
        self._lanes = {job: lane for job, lane in self._lanes.items() if job in self.under_way}
        room = min(batch_size, global_concurrency_limit - len(self.under_way))
        if room <= 0:
            return []
        busy = Counter(self._lanes.values())
        rows = await self.driver.fetch(
            TAKE,
            *(room, list(entrypoints), queue_manager_id, heartbeat_timeout),
            *(list(busy.keys()), list(busy.values()), self.share),
        )
        jobs = [Job.model_validate(row) for row in rows]
        self._lanes |= {job.id: UUID(str(row["lane"])) for job, row in zip(jobs, rows, strict=True)}
        return jobs

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """Is any job due? 1 or 0: how many, nobody asks, and counting a backlog takes long."""
        return len(await self.driver.fetch(ANY_DUE, entrypoints))
