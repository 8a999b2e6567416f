"""Starting the server: everything up to the moment at which the keeper has taken over."""

import fcntl
import subprocess
import sys
from pathlib import Path

import msgspec

from service.embedded import account as accounts
from service.embedded import binaries as programs
from service.embedded import cluster, domain, keeper
from service.embedded import folder as folders
from service.embedded.account import Account
from service.embedded.domain import Binaries
from service.embedded.errors import (
    DataFolderOfAnotherVersion,
    MadeOtherwise,
    NoPostgresBinaries,
    ServerDidNotStart,
)
from service.embedded.folder import Folder, State

_KEEPER_SECONDS_MAX = 60


def start(folder: Folder, *, fast: bool) -> State:
    """Make the cluster if there is none, and start a keeper for it. The caller holds start lock and lease.

    Returns:
        Where the server listens, as it was saved for those who join later.

    Raises:
        Unavailable: whatever went wrong, with the place and the remedy.
    """
    try:
        return _start(folder, folders.load_state(folder), fast=fast)
    except OSError as error:
        raise folders.refusal(folder.path, error) from error


def _start(folder: Folder, state: State, *, fast: bool) -> State:
    home = folders.existing_home(folder, state, fast=fast)
    if home is not None and state.throwaway is not fast:
        raise MadeOtherwise(folder.path, throwaway=state.throwaway)
    chosen = _choose_binaries(home)
    account = accounts.choose((home or folder.path) / "cluster")
    if home is None:
        home = folders.new_home(folder, account, fast=fast)
        chosen = programs.within_reach(chosen, account, home)
        secret = folders.passwords(folder).superuser
        cluster.initialise(home, chosen, account, superuser_password=secret, fast=fast)
    else:
        chosen = programs.within_reach(chosen, account, home)
    socket_folder = folders.socket_folder(home, account, state)
    state = State(
        port=folders.free_port(state.port),
        moved_to=None if home == folder.path else str(home),
        short_socket_folder=None if socket_folder.parent == home else str(socket_folder),
        throwaway=fast,
    )
    folders.save_state(folder, state)
    settings = domain.server_settings(socket_folder, state.port or 0, fast=fast)
    _start_keeper(folder, _orders(folder, state, account, chosen, settings=settings, fast=fast))
    return state


def restart(folder: Folder, state: State, *, fast: bool) -> State:
    """Start another keeper after one was killed, for the same addresses: others are using them."""
    home = folders.home(folder, state)
    account = accounts.choose(home / "cluster")
    chosen = programs.within_reach(_choose_binaries(home), account, home)
    settings = domain.server_settings(folders.socket_place(folder, state), state.port or 0, fast=fast)
    _start_keeper(folder, _orders(folder, state, account, chosen, settings=settings, fast=fast))
    return state


def keeper_is_alive(folder: Folder) -> bool:
    """Whether a keeper holds its lock. Call it under the start lock: a probe would hinder one that starts."""
    with folder.keeper_lock.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def keeper_gave_up(folder: Folder) -> bool:
    """Whether the last keeper ended because the server would not start. One that is killed leaves no word."""
    return folder.keeper_lock.read_bytes() == keeper.GAVE_UP


def _choose_binaries(home: Path | None) -> Binaries:
    candidates = programs.installed()
    written_by = None if home is None else cluster.written_by(home)
    chosen = domain.binaries_for(candidates, written_by)
    if chosen is not None:
        return chosen
    newest = domain.binaries_for(candidates, None)
    if home is None or written_by is None or newest is None:
        raise NoPostgresBinaries
    raise DataFolderOfAnotherVersion(home, written_by=written_by, offered=newest.major)


def _orders(
    folder: Folder, state: State, account: Account, chosen: Binaries, *, settings: dict[str, str], fast: bool
) -> keeper.Orders:
    home = folders.home(folder, state)
    throwaway = [state.moved_to or str(home / "cluster"), state.short_socket_folder]
    return {
        "command": [
            str(chosen.folder / "postgres"),
            "-D",
            str(home / "cluster"),
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ],
        "cluster": str(home / "cluster"),
        "log": str(folder.log),
        "lease": str(folder.lease),
        "lock": str(folder.keeper_lock),
        "alive": str(folder.alive),
        "port": state.port or 0,
        "uid": account.uid,
        "gid": account.gid,
        "remove": [each for each in throwaway if each is not None] if fast else [],
    }


def _start_keeper(folder: Folder, orders: keeper.Orders) -> None:
    """Start the keeper, which detaches itself, and wait until it says that it keeps.

    Raises:
        ServerDidNotStart: it ended without saying so.
    """
    folders.rotate_log(folder)
    with folder.log.open("ab") as log:
        done = subprocess.run(  # noqa: S603 -- our own interpreter and script
            [sys.executable, "-I", "-S", keeper.__file__],
            check=False,
            input=msgspec.json.encode(orders),
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            timeout=_KEEPER_SECONDS_MAX,
            start_new_session=True,
        )
    if done.stdout != b"keeping\n":
        raise ServerDidNotStart(folder.log, folders.log_tail(folder))
