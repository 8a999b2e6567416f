"""The keeper: one small process per data folder that owns the PostgreSQL server while anybody uses it.

Users hold a shared lock on the lease file; the kernel releases it however a user ends. The keeper waits for
the exclusive lock: having it means that nobody is left, and the server is stopped. Until then a server that
ends is started again. Run as a script, by path and with the standard library only, so that it is small, quick
to start, and independent of whatever its starter has loaded.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TypedDict

STARTS_MAX = 6  # how often a server that was never up may fail before the keeper gives up
UP_AFTER_SECONDS = 3.0  # a server that ran so long was up
STOPPING_SECONDS_MAX = 60.0
ORPHAN_SECONDS_MAX = 10.0  # how long they may take before they are hurried
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.05, 1.0
GAVE_UP = b"gave up"  # written into the lock file: told apart from a keeper that was killed
_PR_SET_PDEATHSIG = 1
_STATUS_LINE = 7


class Orders(TypedDict):
    """What the keeper reads, as one JSON document, from its standard input.

    Attributes:
        command: the server's command line, without where it listens.
        cluster, log, lease, lock, alive: paths.
        port: where the server listens on 127.0.0.1, when that is free.
        uid, gid: the server's account, or null for the keeper's own.
        remove: folders to delete when the last user has left.
    """

    command: list[str]
    cluster: str
    log: str
    lease: str
    lock: str
    alive: str
    port: int
    uid: int | None
    gid: int | None
    remove: list[str]


class Server:
    """The server process, started and stopped under one lock so that neither can overtake the other."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._guard = threading.RLock()  # a signal may interrupt the thread that holds it
        self._process: subprocess.Popen[bytes] | None = None
        self.leaving = threading.Event()

    def start(self) -> subprocess.Popen[bytes] | None:
        """Start the server, or None when the last user has left meanwhile."""
        with self._guard:
            if self.leaving.is_set():
                return None
            listen = "127.0.0.1" if port_is_free(self._orders["port"]) else ""
            with Path(self._orders["log"]).open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 -- the command is ours
                    [*self._orders["command"], "-c", f"listen_addresses={listen}"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                    start_new_session=True,
                    user=self._orders["uid"],
                    group=self._orders["gid"],
                    extra_groups=None if self._orders["uid"] is None else [],
                    preexec_fn=self._die_with_the_keeper,  # noqa: PLW1509 -- no other way; the other thread only waits
                )
            return self._process

    def stop(self) -> None:
        """Ask for a fast shutdown: sessions are ended, everything is written, the folder is left clean."""
        with self._guard:
            self.leaving.set()
            if self._process is not None and self._process.poll() is None:
                self._process.send_signal(signal.SIGINT)
                hard = threading.Timer(STOPPING_SECONDS_MAX, self._process.send_signal, [signal.SIGQUIT])
                hard.daemon = True
                hard.start()

    def _die_with_the_keeper(self) -> None:
        """If the keeper is killed, the kernel asks for a fast shutdown: nobody else would stop the server."""
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def serves(pid: int, cluster: Path) -> bool:
    """Whether this is a PostgreSQL process of the cluster: all of them have it as their working folder."""
    process = Path("/proc") / str(pid)
    try:
        program = (process / "exe").readlink().name
        return program.startswith("postgres") and (process / "cwd").readlink() == cluster
    except OSError:  # it ended meanwhile, or belongs to somebody else
        return False


def postmaster_pid(cluster: Path) -> int | None:
    """The process that serves this cluster, whoever started it; None when there is none.

    The pid in postmaster.pid may be stale and belong to any process by now: after a restart of a container it
    often does.
    """
    pid = _noted_pid(cluster)
    return pid if pid is not None and serves(pid, cluster) else None


def _noted_pid(cluster: Path) -> int | None:
    try:
        return int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def is_ready(cluster: Path) -> bool:
    """Whether a server runs and takes connections: its pid file says so in the eighth line."""
    if postmaster_pid(cluster) is None:
        return False
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"


def settle_orphans(cluster: Path) -> None:
    """Wait for processes that outlived keeper or postmaster; they were told to end. Hurry the last ones.

    PostgreSQL rightly refuses to start beside them. It also refuses when the pid in its pid file belongs to
    any other living process: the file goes when that process is seen to be another program.
    """
    for hurry in (0, signal.SIGQUIT, signal.SIGKILL):
        give_up_at = time.monotonic() + ORPHAN_SECONDS_MAX
        orphans = _processes_of(cluster)
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, hurry)
        while orphans and time.monotonic() < give_up_at:
            time.sleep(PAUSE_SECONDS_MIN)  # not our children: no event tells of their end
            orphans = _processes_of(cluster)
    noted = _noted_pid(cluster)
    if noted is not None and (Path("/proc") / str(noted)).exists() and not serves(noted, cluster):
        (cluster / "postmaster.pid").unlink(missing_ok=True)


def _processes_of(cluster: Path) -> list[int]:
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if serves(pid, cluster)]


def keep(server: Server, cluster: Path) -> bool:
    """Run the server until the last user has left. False when it would not start at all."""
    ever_up, failures, pause = False, 0, PAUSE_SECONDS_MIN
    while not server.leaving.is_set():
        settle_orphans(cluster)
        began = time.monotonic()
        process = server.start()
        if process is None:
            break
        if server.leaving.is_set():
            server.stop()
        process.wait()
        if time.monotonic() - began >= UP_AFTER_SECONDS:
            ever_up, failures, pause = True, 0, PAUSE_SECONDS_MIN
        failures += 1
        if failures > STARTS_MAX and not ever_up:
            return False
        server.leaving.wait(pause)
        pause = min(2 * pause, PAUSE_SECONDS_MAX)
    return True


def main() -> int:
    orders: Orders = json.load(sys.stdin)
    if os.fork() != 0:  # detach: nobody has to wait for us, and our starter may end before we do
        return 0
    os.umask(0o077)
    # The kernel closes files in the order of their numbers: whoever gets the lease finds the lock free.
    lock = Path(orders["lock"]).open("r+b")  # noqa: SIM115 -- held until the process ends
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.open(orders["alive"], os.O_RDWR)  # users watch the other end: it closes when the keeper ends
    lease = Path(orders["lease"]).open("r+b")  # noqa: SIM115 -- held until the process ends
    server, cluster = Server(orders), Path(orders["cluster"])

    def wait_for_the_last_to_leave() -> None:
        fcntl.flock(lease, fcntl.LOCK_EX)
        server.stop()

    def stop_on_request(_signal: int, _frame: FrameType | None) -> None:
        server.stop()

    signal.signal(signal.SIGTERM, stop_on_request)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=wait_for_the_last_to_leave, daemon=True).start()
    lock.truncate(0)
    os.write(1, b"keeping\n")
    os.close(1)
    started = keep(server, cluster)
    if not started:
        lock.write(GAVE_UP)
        lock.flush()
    for folder in orders["remove"] if started else []:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if started else 1


if __name__ == "__main__":
    os._exit(main())  # the kernel closes the files, in their order
