"""Which account the server runs under. PostgreSQL refuses to be root, so root lends it another one."""

import os
import pwd
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from service.embedded.errors import DataFolderUnusable, NoServerAccount

_PREFERRED = ("postgres", "nobody")
_TRIAL_SECONDS_MAX = 20


class RunAs(TypedDict, total=False):
    """Keyword arguments of `subprocess` that change the account."""

    user: int
    group: int
    extra_groups: Sequence[int]


@dataclass(frozen=True, slots=True)
class Account:
    """An account for the server; `None` ids mean our own."""

    uid: int | None = None
    gid: int | None = None

    @property
    def run_as(self) -> RunAs:
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Whether this account reaches the folder: tried, because modes alone do not tell (ACLs, mounts)."""
        return self.uid is None or self._succeeds("test", "-x", str(folder))

    def own(self, path: Path) -> None:
        """Give the path to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def _succeeds(self, *command: str) -> bool:
        try:
            done = subprocess.run(command, check=False, cwd="/", timeout=_TRIAL_SECONDS_MAX, **self.run_as)  # noqa: S603
        except OSError:  # this account cannot be taken on here, for example in a container with one user
            return False
        return done.returncode == 0


def choose(cluster: Path) -> Account:
    """Our own account, unless we are root: then the owner of an existing cluster, else any that can be used.

    Raises:
        NoServerAccount: we are root and no other account can be used.
        DataFolderUnusable: the cluster belongs to root, or to an account that cannot be used.
    """
    if os.geteuid() != 0:
        return Account()
    for entry in _candidates(cluster):
        account = Account(entry.pw_uid, entry.pw_gid)
        if entry.pw_uid != 0 and account.can_enter(Path("/")):
            return account
    if cluster.exists():
        raise DataFolderUnusable(
            cluster, f"it belongs to {_owner(cluster)}, which cannot run PostgreSQL here"
        )
    raise NoServerAccount


def _owner(cluster: Path) -> str:
    uid = cluster.stat().st_uid
    return next((entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == uid), f"the unknown user {uid}")


def _candidates(cluster: Path) -> Iterator[pwd.struct_passwd]:
    """Accounts in the order of preference. The server needs an entry in the password database."""
    everybody = pwd.getpwall()
    if cluster.exists():
        yield from (entry for entry in everybody if entry.pw_uid == cluster.stat().st_uid)
        return
    for name in _PREFERRED:
        yield from (entry for entry in everybody if entry.pw_name == name)
    yield from (entry for entry in everybody if entry.pw_name not in _PREFERRED)
