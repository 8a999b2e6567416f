from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.clock import SystemClock
from service.db import create_engine, create_sessions
from service.jobs import registry, service
from service.jobs.registry import Tools


async def _nothing(_tools: Tools, *, tenant_id: UUID) -> None:
    del tenant_id


def test_a_name_is_given_once() -> None:
    name = "tests.only_once"
    if name not in registry.registered():
        registry.job(name, max_attempts=1)(_nothing)

    with pytest.raises(ValueError, match="registered twice"):
        registry.job(name, max_attempts=1)(_nothing)


def test_a_job_that_asks_for_a_part_which_the_worker_lacks_says_so() -> None:
    engine = create_engine("postgresql+asyncpg://nobody@127.0.0.1/none", pool_size=1)
    tools = Tools(create_sessions(engine), SystemClock(), {SystemClock: SystemClock()})

    assert isinstance(tools.part(SystemClock), SystemClock)
    with pytest.raises(LookupError, match="no UUID"):
        tools.part(UUID)


NAMES = st.from_regex(r"[a-z_]{1,20}", fullmatch=True).filter(lambda name: name != "tenant_id")


@given(tenant_id=st.uuids(), ids=st.dictionaries(NAMES, st.uuids() | st.integers(0, 2**31)))
def test_the_arguments_of_a_job_come_back_as_they_were(tenant_id: UUID, ids: dict[str, UUID | int]) -> None:
    assert service.decode(service.encode(tenant_id, ids)) == {"tenant_id": tenant_id, **ids}


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"tenant_id": "no"}', b'{"a": {"b": 1}}'])
def test_a_payload_of_another_shape_is_refused(payload: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        service.decode(payload)
