"""The embedded PostgreSQL under what happens to it: sharing, kills, leftovers, and unhelpful places."""

import asyncio
import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from service import embedded
from service.embedded import binaries, domain, errors, folder, keeper, roles
from service.embedded.account import Account
from service.embedded.domain import Binaries

PROJECT = Path(__file__).parents[2]
WAIT_SECONDS = 30
USER = """
import asyncio, sys
from pathlib import Path
from service import embedded

async def main():
    async with embedded.running(Path(sys.argv[1]), fast=sys.argv[2] == "fast") as database:
        print(database.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server another account")


@pytest.fixture
def place() -> Generator[Path]:
    """A folder that any account can enter, which pytest's own cannot be."""
    path = Path(tempfile.mkdtemp(prefix="rooted-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def made() -> Generator[Path]:
    """A data folder with a durable database that the tests of this file use one after another."""
    path = Path(tempfile.mkdtemp(prefix="rooted-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


async def test_both_roles_connect_over_the_socket_and_over_tcp(made: Path) -> None:
    async with embedded.running(made) as database:
        answers = [
            await _ask(url, "select current_user || ' ' || current_database()")
            for url in (database.app_url, database.owner_url)
            for url in (url, embedded.over_tcp(url))
        ]

    assert answers == ["rooted_app rooted"] * 2 + ["rooted_owner rooted"] * 2


async def test_no_address_is_shown_with_its_password(made: Path) -> None:
    async with embedded.running(made) as database:
        assert "postgresql" not in repr(database).replace(str(made), "").replace("/postgresql/", "")


async def test_the_cluster_keeps_checksums_and_flushes_to_disk(made: Path) -> None:
    async with embedded.running(made) as database:
        shown = [
            await _ask(database.app_url, f"show {name}")
            for name in ("data_checksums", "fsync", "server_encoding")
        ]

    assert shown == ["on", "on", "UTF8"]


async def test_the_login_role_owns_nothing_may_make_nothing_and_cannot_wait_for_ever(made: Path) -> None:
    async with embedded.running(made) as database:
        powers = await _ask(
            database.app_url,
            "select rolsuper or rolbypassrls or rolcreatedb or rolcreaterole or rolreplication "
            "from pg_roles where rolname = current_user",
        )
        owned = await _ask(
            database.superuser_url.replace("/postgres?", "/rooted?"),
            "select count(*) from pg_shdepend where deptype = 'o' and refobjid = 'rooted_app'::regrole",
        )
        limits = [await _ask(database.app_url, f"show {name}") for name in roles.APP_TIMEOUTS]
        for statement in ("create table t (a int)", "create schema s", "create temp table t (a int)"):
            with pytest.raises(DBAPIError, match="permission denied"):
                await _run(database.app_url, statement)

    assert (powers, owned) == (False, 0)
    assert limits == list(roles.APP_TIMEOUTS.values())


async def test_a_role_that_may_do_too_much_is_refused(made: Path) -> None:
    async with embedded.running(made) as database:
        too_strong = database.superuser_url.replace("/postgres?", "/rooted?")
        with pytest.raises(errors.RolesUnfit, match="may do more"):
            await embedded.prepare_roles(
                database.superuser_url, owner_url=database.owner_url, app_url=too_strong
            )


@pytest.mark.parametrize("fault", ["same role", "two databases", "no password"])
async def test_addresses_that_do_not_fit_together_are_refused(fault: str) -> None:
    owner = "postgresql+asyncpg://owner:x@127.0.0.1/rooted"
    app = {
        "same role": owner,
        "two databases": "postgresql+asyncpg://app:x@127.0.0.1/other",
        "no password": "postgresql+asyncpg://app@127.0.0.1/rooted",
    }[fault]

    with pytest.raises(errors.RolesUnfit):
        await embedded.prepare_roles("postgresql+asyncpg://127.0.0.1/x", owner_url=owner, app_url=app)


async def test_whoever_comes_later_joins_and_the_last_to_leave_stops_the_server(made: Path) -> None:
    async with _user(made), _user(made) as second:
        async with embedded.running(made) as database:
            first_pid = _server_pid(made)
        assert _server_pid(made) == first_pid
        assert await _ask(database.app_url, "select 1") == 1
        await _end(second)
        assert _server_pid(made) == first_pid

    assert _server_pid(made) is None


async def test_a_killed_server_comes_back_with_its_rows_at_the_same_address(made: Path) -> None:
    async with embedded.running(made) as database:
        await _run(database.owner_url, "create table kept as select generate_series(1, 1000) as n")
        for _ in range(2):
            killed = _server_pid(made)
            os.kill(killed or 0, signal.SIGKILL)
            assert await _ask_when_back(database.owner_url, "select count(*) from kept") == 1000
            assert _server_pid(made) != killed
        await _run(database.owner_url, "drop table kept")


async def test_a_killed_keeper_is_replaced_and_the_rows_are_kept(made: Path) -> None:
    async with embedded.running(made) as database:
        await _run(database.owner_url, "create table kept as select generate_series(1, 1000) as n")
        killed = _server_pid(made)
        os.kill(_parent_of(killed or 0), signal.SIGKILL)
        await _until_the_keeper_ended(made)

        assert await _ask_when_back(database.owner_url, "select count(*) from kept") == 1000
        await _run(database.owner_url, "drop table kept")

    assert _server_pid(made) is None


async def test_a_user_that_is_killed_neither_stops_the_server_for_others_nor_keeps_it_running(
    made: Path,
) -> None:
    async with _user(made) as first, _user(made) as second:
        first.kill()
        await first.wait()
        running = _server_pid(made)
        async with embedded.running(made) as database:
            assert await _ask(database.app_url, "select 1") == 1
        assert running is not None
        assert _server_pid(made) == running
        second.kill()
        await second.wait()
        await _until_the_keeper_ended(made)

    assert _server_pid(made) is None
    async with embedded.running(made) as database:
        assert await _ask(database.app_url, "select 1") == 1


async def test_when_everything_is_killed_at_once_the_next_start_recovers(made: Path) -> None:
    async with _user(made) as user:
        server = _server_pid(made) or 0
        for pid in (user.pid, _parent_of(server), server):
            os.kill(pid, signal.SIGKILL)
        await user.wait()

    async with embedded.running(made) as database:
        assert await _ask(database.app_url, "select 1") == 1


async def test_a_stale_pid_file_that_names_another_process_is_no_obstacle(made: Path) -> None:
    async with embedded.running(made):
        pass
    cluster = made / "postgresql" / "cluster"
    owner = cluster.stat()
    account = Account(owner.st_uid, owner.st_gid) if os.geteuid() == 0 else Account()
    stranger = await asyncio.create_subprocess_exec("/bin/sleep", "60", **account.run_as)
    try:
        stale = cluster / "postmaster.pid"
        stale.write_text(f"{stranger.pid}\n{cluster}\n1700000000\n5432\n\n127.0.0.1\n  1 1\nready\n")
        account.own(stale)

        async with embedded.running(made) as database:
            assert await _ask(database.app_url, "select 1") == 1
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_a_port_that_was_taken_meanwhile_is_given_up_for_another(made: Path) -> None:
    async with embedded.running(made) as database:
        kept = database.port
    async with embedded.running(made) as database:
        assert database.port == kept
    with socket.create_server(("127.0.0.1", kept)):
        async with embedded.running(made) as database:
            assert database.port != kept
            assert await _ask(embedded.over_tcp(database.app_url), "select 1") == 1


async def test_a_port_that_is_lost_while_in_use_leaves_the_socket_working(made: Path) -> None:
    async with embedded.running(made) as database:
        server = _server_pid(made) or 0
        its_keeper = _parent_of(server)
        os.kill(its_keeper, signal.SIGSTOP)  # so that the port is ours before the server is started again
        os.kill(server, signal.SIGKILL)
        with await _taken(database.port):
            os.kill(its_keeper, signal.SIGCONT)

            assert await _ask_when_back(database.app_url, "select 1") == 1


async def test_who_joins_after_everything_was_killed_keeps_the_addresses_that_others_hold(made: Path) -> None:
    async with embedded.running(made) as first:
        server = _server_pid(made) or 0
        for pid in (_parent_of(server), server):
            os.kill(pid, signal.SIGKILL)
        with await _taken(first.port):
            async with embedded.running(made) as second:
                assert second.app_url == first.app_url
                assert await _ask(first.app_url, "select 1") == 1


async def test_a_server_that_cannot_start_is_reported_with_the_end_of_its_log(place: Path) -> None:
    async with embedded.running(place):
        pass
    with (place / "postgresql" / "cluster" / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = 1\n")

    with pytest.raises(errors.ServerDidNotStart, match="no_such_setting"):
        async with embedded.running(place):
            pass
    assert _server_pid(place) is None


async def test_several_that_race_to_initialise_all_get_the_same_database(place: Path) -> None:
    racers = [await _spawn(place) for _ in range(3)]
    ports = [await _port_of(racer) for racer in racers]
    for racer in racers:
        await _end(racer)

    starts = (place / "postgresql" / "server.log").read_text().count("LOG:  starting PostgreSQL")
    assert (len(set(ports)), starts) == (1, 1)
    assert _server_pid(place) is None


async def test_what_a_cut_short_initialisation_left_is_cleared_away(place: Path) -> None:
    (place / "postgresql" / "cluster.new").mkdir(parents=True)
    (place / "postgresql" / "cluster.new" / "PG_VERSION").write_text("18\n")

    async with embedded.running(place, fast=True) as database:
        assert await _ask(database.app_url, "select 1") == 1
    assert not (place / "postgresql" / "cluster.new").exists()


async def test_a_path_too_long_for_a_socket_gets_a_short_private_folder_for_it(place: Path) -> None:
    long = place / ("x" * 60) / ("y" * 60)

    async with embedded.running(long, fast=True) as database:
        found = database.socket_folder.stat()
        assert domain.socket_path_fits(database.socket_folder)
        assert found.st_mode & 0o777 == 0o700
        assert await _ask(database.app_url, "select 1") == 1
    assert not database.socket_folder.exists()


async def test_a_throwaway_database_is_deleted_even_when_its_last_user_is_killed(place: Path) -> None:
    async with _user(place, "fast") as user:
        assert embedded.has_database(place)
        user.kill()
        await user.wait()
        await _until_the_keeper_ended(place)

    assert not embedded.has_database(place)


async def test_a_durable_database_is_never_used_as_a_throwaway_one(made: Path) -> None:
    async with embedded.running(made):
        with pytest.raises(errors.MadeOtherwise):
            async with embedded.running(made, fast=True):
                pass
    with pytest.raises(errors.MadeOtherwise):
        async with embedded.running(made, fast=True):
            pass
    async with embedded.running(made) as database:
        assert await _ask(database.app_url, "select 1") == 1


async def test_a_clone_has_the_tables_of_the_original_and_the_same_walls(place: Path) -> None:
    async with embedded.running(place, fast=True) as database:
        await _run(database.owner_url, "create table t as select 1 as a")
        await _run(database.owner_url, "grant select on t to rooted_app")

        clone = await embedded.clone(database, name="rooted_gw0")

        assert await _ask(clone.app_url, "select a from t") == 1
        assert await _ask(clone.app_url, "select current_database()") == "rooted_gw0"
        with pytest.raises(DBAPIError, match="permission denied"):
            await _run(clone.app_url, "create temp table t2 (a int)")


@as_root
async def test_in_a_private_home_the_server_gets_a_folder_that_it_can_reach(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = place / "home"
    home.mkdir(mode=0o700)
    moved = place / "moved"
    monkeypatch.setattr(folder, "MOVED_FOLDERS", moved)

    for _ in range(2):
        async with embedded.running(home / "rooted") as database:
            assert await _ask(database.app_url, "select 1") == 1

    assert home.stat().st_mode & 0o777 == 0o700
    assert len(list(moved.glob("*/cluster"))) == 1
    assert embedded.has_database(home / "rooted")
    shutil.rmtree(moved)
    with pytest.raises(errors.DataFolderUnusable, match="is gone"):
        async with embedded.running(home / "rooted"):
            pass


@as_root
def test_programs_in_a_private_folder_are_copied_with_their_libraries(place: Path) -> None:
    private = place / "venv"
    private.mkdir(mode=0o700)
    found = binaries.installed()[0]
    assert found.root is not None
    shutil.copytree(found.root, private / found.root.name, symlinks=True)
    shutil.copytree(found.root.with_name(f"{found.root.name}.libs"), private / f"{found.root.name}.libs")
    hidden = Binaries(private / found.root.name / "pginstall" / "bin", found.major, private / found.root.name)
    home = place / "home"
    home.mkdir(mode=0o711)

    copied = binaries.within_reach(hidden, _nobody(), home)

    assert copied.folder.is_relative_to(home)
    assert any(home.glob("binaries-*/*.libs/*"))
    assert binaries.within_reach(hidden, _nobody(), home) == copied


@as_root
async def test_an_ordinary_user_runs_the_server_itself(place: Path) -> None:
    nobody = _nobody()
    python = _python_for(nobody)
    if python is None:
        pytest.skip("no Python that an ordinary user can run has what the service needs")
    nobody.own(place)
    environment = {"PYTHONPATH": f"{PROJECT}:{sysconfig.get_path('purelib')}", "HOME": str(place)}

    async with _user(place / "rooted", python=python, environment=environment, account=nobody):
        server = _server_pid(place / "rooted") or 0
        owner = _owner_of(Path(f"/proc/{server}"))
        keeper_owner = _owner_of(Path(f"/proc/{_parent_of(server)}"))

    assert (owner, keeper_owner) == (nobody.uid, nobody.uid)
    # Root goes on with what that user made, and leaves nothing that the user could not open.
    async with embedded.running(place / "rooted") as database:
        assert await _ask(database.app_url, "select 1") == 1
    assert _owners_in(place) == {nobody.uid}


async def test_a_data_folder_that_is_a_file_is_refused_with_the_remedy(place: Path) -> None:
    (place / "file").touch()

    with pytest.raises(errors.DataFolderUnusable, match="ROOTED_DATA_DIR"):
        async with embedded.running(place / "file"):
            pass


async def test_a_full_disk_is_refused_before_anything_is_made(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "SPACE_BYTES_MIN", 2**70)

    with pytest.raises(errors.DiskFull, match="no space left"):
        async with embedded.running(place):
            pass
    assert not (place / "postgresql" / "cluster").exists()


async def test_a_database_of_another_major_version_is_left_alone(place: Path) -> None:
    cluster = place / "postgresql" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("14\n")

    with pytest.raises(errors.DataFolderOfAnotherVersion, match="written by PostgreSQL 14"):
        async with embedded.running(place):
            pass
    assert (cluster / "PG_VERSION").read_text() == "14\n"


async def test_a_folder_in_the_way_of_the_cluster_is_refused_and_left_alone(place: Path) -> None:
    stray = place / "postgresql" / "cluster" / "somebody's file"
    stray.parent.mkdir(parents=True)
    stray.touch()

    with pytest.raises(errors.DataFolderUnusable):
        async with embedded.running(place):
            pass
    assert stray.exists()


async def test_a_state_file_that_cannot_be_read_is_never_ignored(place: Path) -> None:
    (place / "postgresql").mkdir()
    (place / "postgresql" / "state.json").write_text("{")

    with pytest.raises(errors.DataFolderUnusable, match="cannot be read"):
        async with embedded.running(place):
            pass


def test_system_programs_are_offered_after_the_wheels_and_the_newest_first(tmp_path: Path) -> None:
    for major in (13, 17, 15):
        program = tmp_path / str(major) / "bin" / "postgres"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {major}.1'\n")
        program.chmod(0o755)

    found = binaries.installed(tmp_path)

    assert found[0].root is not None
    assert [each.major for each in found[1:]] == [17, 15, 13]


@asynccontextmanager
async def _user(
    data_folder: Path,
    kind: str = "durable",
    *,
    python: str = sys.executable,
    environment: dict[str, str] | None = None,
    account: Account | None = None,
) -> AsyncGenerator[Process]:
    """Another process that uses the database inside the block."""
    user = await _spawn(data_folder, kind, python=python, environment=environment, account=account)
    try:
        await _port_of(user)
        yield user
    finally:
        await _end(user)


async def _spawn(
    data_folder: Path,
    kind: str = "durable",
    *,
    python: str = sys.executable,
    environment: dict[str, str] | None = None,
    account: Account | None = None,
) -> Process:
    return await asyncio.create_subprocess_exec(
        python,
        "-c",
        USER,
        str(data_folder),
        kind,
        stdin=PIPE,
        stdout=PIPE,
        cwd="/" if environment else PROJECT,
        env=environment,
        **(account or Account()).run_as,
    )


async def _port_of(user: Process) -> int:
    """Wait until the other process is in."""
    assert user.stdout is not None
    return int(await asyncio.wait_for(user.stdout.readline(), WAIT_SECONDS))


async def _end(user: Process) -> None:
    assert user.stdin is not None
    user.stdin.close()
    await asyncio.wait_for(user.wait(), WAIT_SECONDS)


async def _ask(url: str, query: str) -> object:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.scalar(text(query))
    finally:
        await engine.dispose()


async def _run(url: str, statement: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(statement))
    finally:
        await engine.dispose()


async def _ask_when_back(url: str, query: str) -> object:
    """Ask until the server answers: it says to nobody when it does again."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                return await _ask(url, query)
            except (OSError, DBAPIError):
                await asyncio.sleep(0.02)


async def _until_the_keeper_ended(data_folder: Path) -> None:
    def wait() -> None:
        with (data_folder / "postgresql" / "keeper.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)

    await asyncio.wait_for(asyncio.to_thread(wait), WAIT_SECONDS)


async def _taken(port: int) -> socket.socket:
    """Listen on the port as soon as the server that was killed has let go of it."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                return socket.create_server(("127.0.0.1", port))
            except OSError:
                await asyncio.sleep(0.02)


def _server_pid(data_folder: Path) -> int | None:
    return keeper.postmaster_pid(data_folder / "postgresql" / "cluster")


def _parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("PPid:"))


def _owner_of(path: Path) -> int:
    return path.stat().st_uid


def _owners_in(path: Path) -> set[int]:
    return {_owner_of(each) for each in path.rglob("*")}


def _nobody() -> Account:
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def _python_for(account: Account) -> str | None:
    """An interpreter that this account can run, with our dependencies; ours may lie in a private home."""
    environment = {"PYTHONPATH": f"{PROJECT}:{sysconfig.get_path('purelib')}"}
    version = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, version):
        command = [python, "-c", "from service import embedded"]
        try:
            done = subprocess.run(  # noqa: S603 -- our own interpreter
                command, check=False, cwd="/", env=environment, capture_output=True, **account.run_as
            )
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return None
