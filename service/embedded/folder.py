"""The files around the database: what is kept between runs, the locks, and where the server's own part lies.

<data folder>/postgresql/       ours: locks, passwords, state, the server's log
<home>/cluster, socket, binaries-*  the server's: the same folder, or one that its account can reach
"""

import errno
import os
import secrets
import shutil
import socket
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from service.embedded import domain
from service.embedded.account import Account
from service.embedded.errors import DataFolderUnusable, DiskFull

MOVED_FOLDERS = Path("/var/lib/rooted")
SPACE_BYTES_MIN = 100_000_000
LOG_BYTES_MAX = 5_000_000
_LOG_TAIL_BYTES = 1_500
_PRIVATE, _PASSABLE = 0o700, 0o711
_SHORT_FOLDERS = "/tmp"  # noqa: S108 -- mkdtemp makes a private folder in it; any longer path defeats the purpose


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must stay the same between runs, so that addresses handed out stay valid.

    Attributes:
        port: last port of the server on 127.0.0.1; also part of its socket's name.
        moved_to: where the server's part lies when its account cannot reach ours.
        short_socket_folder: where the socket lies when the path beside the cluster is too long for one.
        throwaway: whether the last to leave deletes the database.
    """

    port: int | None = None
    moved_to: str | None = None
    short_socket_folder: str | None = None
    throwaway: bool = False


class Passwords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Made once at random. The file that holds them is for its owner only."""

    superuser: str
    owner: str
    app: str


@dataclass(frozen=True, slots=True)
class Folder:
    """Our part of the data folder."""

    path: Path

    @property
    def start_lock(self) -> Path:
        """Held while a user comes or goes: one at a time."""
        return self.path / "start.lock"

    @property
    def lease(self) -> Path:
        """Shared by all users, and wanted by the keeper for itself."""
        return self.path / "lease.lock"

    @property
    def keeper_lock(self) -> Path:
        """Held by the keeper as long as it lives."""
        return self.path / "keeper.lock"

    @property
    def alive(self) -> Path:
        """A named pipe of which the keeper holds the writing end."""
        return self.path / "keeper.alive"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def passwords(self) -> Path:
        return self.path / "passwords.json"

    @property
    def log(self) -> Path:
        return self.path / "server.log"


def prepare(data_folder: Path) -> Folder:
    """Make our part of the data folder, readable by nobody else.

    Raises:
        DataFolderUnusable: it cannot be made or written.
        DiskFull: too little space is left.
    """
    folder = of(data_folder)
    try:
        data_folder.mkdir(parents=True, exist_ok=True, mode=_PASSABLE if os.geteuid() == 0 else _PRIVATE)
        folder.path.mkdir(exist_ok=True, mode=_PASSABLE)
        for lock in (folder.start_lock, folder.lease, folder.keeper_lock):
            lock.touch(mode=0o600)
        if not folder.alive.exists():
            os.mkfifo(folder.alive, 0o600)
        for path in (folder.path, *folder.path.glob("*.lock"), folder.alive):
            _belongs_to_the_owner_of(data_folder, path)
    except OSError as error:
        raise refusal(data_folder, error) from error
    return folder


def load_state(folder: Folder) -> State:
    """What the last run left.

    Raises:
        DataFolderUnusable: the file cannot be read. It may say where the database is, so it is never ignored.
    """
    if not folder.state.exists():
        return State()
    try:
        return msgspec.json.decode(folder.state.read_bytes(), type=State)
    except (OSError, msgspec.DecodeError) as error:
        remedy = (
            f"{folder.state} cannot be read ({error}); restore it, or remove it to begin with a new database"
        )
        raise DataFolderUnusable(folder.path, remedy) from error


def save_state(folder: Folder, state: State) -> None:
    _write_private(folder.state, msgspec.json.encode(state))


def passwords(folder: Folder) -> Passwords:
    """The passwords of this database, made at random the first time."""
    if not folder.passwords.exists():
        made = Passwords(*(secrets.token_urlsafe(24) for _ in range(3)))
        _write_private(folder.passwords, msgspec.json.encode(made))
    try:
        return msgspec.json.decode(folder.passwords.read_bytes(), type=Passwords)
    except (OSError, msgspec.DecodeError) as error:
        raise DataFolderUnusable(folder.path, f"{folder.passwords} cannot be read ({error})") from error


def home(folder: Folder, state: State) -> Path:
    """Where the server's part lies."""
    return folder.path if state.moved_to is None else Path(state.moved_to)


def socket_place(folder: Folder, state: State) -> Path:
    """Where the running server's socket lies."""
    if state.short_socket_folder is not None:
        return Path(state.short_socket_folder)
    return home(folder, state) / "socket"


def existing_home(folder: Folder, state: State, *, fast: bool) -> Path | None:
    """Where the cluster is, None when none was made yet.

    Raises:
        DataFolderUnusable: it was moved elsewhere and is gone. (A throwaway one may be gone.)
    """
    place = home(folder, state)
    if (place / "cluster" / "PG_VERSION").exists():
        return place
    if state.moved_to is not None and not fast:
        raise DataFolderUnusable(
            folder.path,
            f"its database lay in {place} and is gone; bring it back, or remove {folder.state} to begin anew",
        )
    return None


def of(data_folder: Path) -> Folder:
    """Our part of the data folder, whether it is there or not."""
    return Folder(data_folder.resolve() / "postgresql")


def has_database(folder: Folder) -> bool:
    """Whether a database is kept there, running or not."""
    return (home(folder, load_state(folder)) / "cluster").exists()


def new_home(folder: Folder, account: Account, *, fast: bool) -> Path:
    """Where to make the cluster: our own folder, or another one when the server's account cannot reach that.

    Raises:
        DataFolderUnusable: there is no such place.
        DiskFull: too little space is left there.
    """
    try:
        place = folder.path if account.can_enter(folder.path) else _made_elsewhere(folder, fast=fast)
        if not account.can_enter(place):
            raise DataFolderUnusable(
                folder.path, f"the account that runs PostgreSQL reaches neither it nor {place}"
            )
        if shutil.disk_usage(place).free < SPACE_BYTES_MIN:
            raise DiskFull(place)
    except OSError as error:
        raise refusal(folder.path, error) from error
    return place


def socket_folder(place: Path, account: Account, state: State) -> Path:
    """A folder for the socket that only the server's account can enter, with a path that is short enough."""
    beside = place / "socket"
    if domain.socket_path_fits(beside):
        beside.mkdir(exist_ok=True, mode=_PRIVATE)
        account.own(beside)
        return beside
    if state.short_socket_folder is not None and _is_private_to(account, Path(state.short_socket_folder)):
        return Path(state.short_socket_folder)
    made = Path(tempfile.mkdtemp(prefix="rooted-", dir=_SHORT_FOLDERS))
    account.own(made)
    return made


def free_port(kept: int | None) -> int:
    """The port used before if nobody took it meanwhile, else any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", kept or 0))
        except OSError as error:
            if kept is None or error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            return free_port(None)
        return int(probe.getsockname()[1])


def log_tail(folder: Folder) -> str:
    """The last lines of the server's log, for error messages."""
    with folder.log.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
        return log.read().decode(errors="replace").strip()


def rotate_log(folder: Folder) -> None:
    """Keep one old log beside the current one."""
    if folder.log.exists() and folder.log.stat().st_size > LOG_BYTES_MAX:
        folder.log.replace(folder.log.with_suffix(".log.1"))
    folder.log.touch(mode=0o600)
    _belongs_to_the_owner_of(folder.path, folder.log)


def refusal(folder: Path, error: OSError) -> DataFolderUnusable | DiskFull:
    """What an operating system error on our files means to the operator."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull(folder)
    return DataFolderUnusable(folder, f"{error.strerror or error}")


def _made_elsewhere(folder: Folder, *, fast: bool) -> Path:
    if fast:
        place = Path(tempfile.mkdtemp(prefix="rooted-")).resolve()
    else:
        place = MOVED_FOLDERS.resolve() / secrets.token_hex(8)
        place.mkdir(parents=True)
        MOVED_FOLDERS.chmod(_PASSABLE)
    place.chmod(_PASSABLE)
    (place / "belongs-to").write_text(f"{folder.path}\n")
    return place


def _is_private_to(account: Account, path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    owner = os.geteuid() if account.uid is None else account.uid
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and stat.S_IMODE(found.st_mode) == _PRIVATE


def _write_private(path: Path, content: bytes) -> None:
    """Write all of it or nothing, for our eyes only."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _belongs_to_the_owner_of(path.parent, fresh)
        fresh.replace(path)
    except OSError as error:
        raise refusal(path.parent, error) from error


def _belongs_to_the_owner_of(folder: Path, path: Path) -> None:
    """What root makes in somebody's folder is theirs, so that they can go on without root."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid)
