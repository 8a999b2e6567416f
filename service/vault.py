"""Secrets at rest: sealed under a master key that is not in the database, each bound to its place there.

A column that holds sealed bytes is named `sealed_…`, so that rotation and the tests find it. Nothing here
reads or writes rows.
"""

import base64
import binascii
import contextlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from service.errors import Unavailable

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
VERSION = 1
SEALING = b"rooted: sealing, 1"
DERIVING = b"rooted: deriving, 1: "
KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
OTHERS_MAY = stat.S_IRWXO | stat.S_IWGRP
LOOK_INTERVAL_SECONDS = 1.0
"""How often at most the file is looked at for no particular reason."""

log = structlog.stdlib.get_logger(__name__)


class MasterKeyMissing(Unavailable):
    """There is no master key, so nothing secret can be kept."""

    code = "master-key-missing"

    def __init__(self) -> None:
        super().__init__(
            "There is no master key. Run `rooted secrets new-key > master.key`, let nobody else read that "
            "file (chmod 600), and set ROOTED_MASTER_KEY_FILE to it; or put the line into ROOTED_MASTER_KEYS."
        )


class MasterKeysUnusable(Unavailable):
    """The master keys cannot be read as they stand."""

    code = "master-keys-unusable"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"The master keys in {where} cannot be used: {reason}")


class MasterKeyUnknown(Unavailable):
    """Something is sealed under a master key that this process does not have."""

    code = "master-key-unknown"

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"A secret is sealed under the master key {key_id!r}, which this process does not have. Put its "
            "line back, after the first; `rooted secrets status` says when it is not needed any more."
        )


class SealBroken(Exception):
    """These bytes were not sealed for this place, or were changed since: tampering, or a mistake of ours."""

    def __init__(self, place: "Place") -> None:
        super().__init__(f"what lies in {place} does not open there")


@dataclass(frozen=True, slots=True)
class Place:
    """Where sealed bytes lie. They open nowhere else.

    Attributes:
        tenant_id: the row's `tenant_id`; None where the table has no such column.
        row: the row's other primary key column, as text.
    """

    tenant_id: UUID | None
    table: str
    column: str
    row: UUID | str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of row {self.row}"

    def encoded(self) -> bytes:
        """Each part behind its length, so that no two places have one encoding."""
        tenant = b"" if self.tenant_id is None else self.tenant_id.bytes
        parts = (tenant, self.table.encode(), self.column.encode(), str(self.row).encode())
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@dataclass(frozen=True)
class MasterKey:
    """One master key; what is done with it is done with keys derived from it."""

    id: str
    secret: bytes = field(repr=False)

    @cached_property
    def sealing(self) -> AESGCM:
        return AESGCM(self.derive(SEALING))

    def derive(self, info: bytes) -> bytes:
        """A key of 32 bytes of its own for `info` (HKDF-SHA256; the master key is uniformly random)."""
        return HKDFExpand(SHA256(), KEY_BYTES, info).derive(self.secret)


MasterKeys = Mapping[str, MasterKey]
"""By their ids; the first is the current one."""


def new_key_line(secret: bytes, *, key_id: str) -> str:
    """A master key as a line of the file. `secret`: KEY_BYTES random bytes."""
    return f"{key_id}:{base64.b64encode(secret).decode()}"


def parse_keys(text: str, *, where: str) -> MasterKeys:
    """The master keys in lines (or words) `id:base64`; empty lines and those that begin with # are skipped.

    Raises:
        MasterKeysUnusable: never with any part of a key in its text.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: dict[str, MasterKey] = {}
    for number, word in enumerate(" ".join(lines).split(), 1):
        key_id, separated, encoded = word.partition(":")
        if not separated or not KEY_ID.fullmatch(key_id):
            raise MasterKeysUnusable(
                where,
                f"key {number} is not `id:base64` with an id of lower-case letters, digits and hyphens.",
            )
        if key_id in found:
            raise MasterKeysUnusable(where, f"the id {key_id} is there twice.")
        found[key_id] = MasterKey(key_id, _secret(encoded, key_id, where))
    if not found:
        raise MasterKeysUnusable(where, "there is none; `rooted secrets new-key` makes one.")
    return found


def _secret(encoded: str, key_id: str, where: str) -> bytes:
    try:
        secret = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise MasterKeysUnusable(where, f"the key {key_id} is not {KEY_BYTES} bytes in base 64.") from None
    return secret


def key_id_of(sealed: bytes) -> str | None:
    """The master key that these bytes were sealed under; None when they are not sealed at all."""
    header = _header(sealed)
    return None if header is None else header[2:].decode()


def _header(sealed: bytes) -> bytes | None:
    if len(sealed) < 2 or sealed[0] != VERSION:  # noqa: PLR2004 - the version and the length of the key's id
        return None
    header = sealed[: 2 + sealed[1]]
    well_formed = KEY_ID.fullmatch(header[2:].decode("latin-1")) is not None
    long_enough = len(sealed) >= len(header) + NONCE_BYTES + TAG_BYTES
    return header if well_formed and long_enough else None


class KeySource(Protocol):
    """Where master keys come from."""

    def read(self) -> MasterKeys:
        """The keys as they are now. Raises MasterKeysUnusable."""
        ...

    def mark(self) -> object:
        """Something that is another once the keys have changed. Raises OSError."""
        ...


@dataclass(frozen=True, slots=True)
class GivenKeys:
    """Keys from the environment, which stay as they are."""

    text: str = field(repr=False)

    def read(self) -> MasterKeys:
        return parse_keys(self.text, where="ROOTED_MASTER_KEYS")

    def mark(self) -> object:
        return None


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Keys from a file, which may be replaced at any time."""

    path: Path

    def read(self) -> MasterKeys:
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read()
        except OSError as error:
            raise MasterKeysUnusable(str(self.path), f"{error.strerror or error}.") from error
        if mode & OTHERS_MAY:
            raise MasterKeysUnusable(
                str(self.path),
                f"others may read or write it; run `chmod 600 {self.path}` and replace the keys.",
            )
        try:
            return parse_keys(content.decode("ascii"), where=str(self.path))
        except UnicodeDecodeError:
            raise MasterKeysUnusable(str(self.path), "it is not plain text.") from None

    def mark(self) -> object:
        found = self.path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size


def ensure_file(path: Path, line: str) -> KeyFile:
    """The key file; made with this line, for its owner only, when there is none. Safe with several at once.

    Raises:
        MasterKeysUnusable
    """
    if not path.exists():
        try:
            _make_file(path, line)
        except OSError as error:
            raise MasterKeysUnusable(str(path), f"it cannot be made: {error.strerror or error}.") from error
    return KeyFile(path)


def _make_file(path: Path, line: str) -> None:
    """Written aside and then named, so that nobody reads half of it; who comes second takes the first's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        Path(aside).unlink()


class Vault:
    """Seals and opens. One per process.

    Args:
        source: where the master keys come from; they are read at once.
        random: so many random bytes.
        monotonic: seconds, from any point on.

    Raises:
        MasterKeysUnusable
    """

    def __init__(
        self,
        source: KeySource,
        *,
        random: Callable[[int], bytes] = os.urandom,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._random = random
        self._monotonic = monotonic
        self._mark = self._mark_now()
        self._keys = source.read()
        self._looked_at = monotonic()
        self._sought_at: float | None = None

    @property
    def current_key_id(self) -> str:
        """The master key that new secrets are sealed under."""
        return self._current().id

    def knows(self, key_id: str) -> bool:
        """Whether what is sealed under this master key can be opened."""
        return self._find(key_id) is not None

    def seal(self, plain: bytes, place: Place) -> bytes:
        """These bytes, readable only with the master key and only in this place."""
        key = self._current()
        header = bytes((VERSION, len(key.id))) + key.id.encode()
        nonce = self._random(NONCE_BYTES)
        return header + nonce + key.sealing.encrypt(nonce, plain, header + place.encoded())

    def open(self, sealed: bytes, place: Place) -> bytes:
        """What was sealed for this place.

        Raises:
            SealBroken: it was sealed for another place, changed, or never sealed.
            MasterKeyUnknown
        """
        header = _header(sealed)
        if header is None:
            raise SealBroken(place)
        key = self._find(header[2:].decode())
        if key is None:
            raise MasterKeyUnknown(header[2:].decode())
        rest = sealed[len(header) :]
        try:
            return key.sealing.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], header + place.encoded())
        except InvalidTag:
            raise SealBroken(place) from None

    def derive(self, purpose: bytes) -> bytes:
        """A secret of 32 bytes of its own for this purpose, from the current master key."""
        return self._current().derive(DERIVING + purpose)

    def derivations(self, purpose: bytes) -> tuple[bytes, ...]:
        """The same from every master key, the current one first: what older ones made goes on to count."""
        self._look()
        return tuple(key.derive(DERIVING + purpose) for key in self._keys.values())

    def _current(self) -> MasterKey:
        self._look()
        return next(iter(self._keys.values()))

    def _find(self, key_id: str) -> MasterKey | None:
        """The key with this id. One that is not known may have been added just now."""
        if key_id not in self._keys and (self._has_changed() or self._may_seek()):
            self._read()
        return self._keys.get(key_id)

    def _look(self) -> None:
        now = self._monotonic()
        if now - self._looked_at >= LOOK_INTERVAL_SECONDS:
            self._looked_at = now
            if self._has_changed():
                self._read()

    def _has_changed(self) -> bool:
        return self._mark_now() != self._mark

    def _may_seek(self) -> bool:
        now = self._monotonic()
        if self._sought_at is not None and now - self._sought_at < LOOK_INTERVAL_SECONDS:
            return False
        self._sought_at = now
        return True

    def _read(self) -> None:
        """Read the keys anew. What cannot be used changes nothing: it may be a file half written."""
        mark = self._mark_now()
        try:
            self._keys = self._source.read()
        except MasterKeysUnusable as error:
            log.error("master keys not read", reason=str(error))  # noqa: TRY400 - the reason says it all
        else:
            self._mark = mark

    def _mark_now(self) -> object:
        try:
            return self._source.mark()
        except OSError:
            return None
