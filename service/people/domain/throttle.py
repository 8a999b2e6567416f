"""How many failures are borne before one has to wait: leaky buckets for accounts, addresses and browsers.

A browser in which the person has logged in before has a bucket of its own, so that nobody who fills the
account's bucket keeps the owner out (the device cookies of OWASP).
"""

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.ids import PersonId

IPV6_PREFIX = 64
"""A subscriber has at least as many addresses as lie in one /64."""


class Kind(StrEnum):
    """What a bucket is for."""

    ACCOUNT = "account"
    ADDRESS = "address"
    PAIR = "account and address"
    DEVICE = "device"
    FACTOR = "second factor"
    DEVICE_FACTOR = "second factor from a device"
    RESET_ACCOUNT = "reset of an account"
    RESET_ADDRESS = "resets from an address"
    LINK_ADDRESS = "unknown links from an address"


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failures may come at once, and one more each `leaks_one_in`."""

    failures_max: int
    leaks_one_in: timedelta


LIMITS: Mapping[Kind, Limit] = {
    Kind.ACCOUNT: Limit(20, timedelta(minutes=3)),
    Kind.ADDRESS: Limit(60, timedelta(seconds=30)),
    Kind.PAIR: Limit(5, timedelta(minutes=3)),
    Kind.DEVICE: Limit(10, timedelta(minutes=1)),
    Kind.FACTOR: Limit(5, timedelta(minutes=10)),
    Kind.DEVICE_FACTOR: Limit(10, timedelta(minutes=10)),
    Kind.RESET_ACCOUNT: Limit(3, timedelta(minutes=20)),
    Kind.RESET_ADDRESS: Limit(20, timedelta(minutes=3)),
    Kind.LINK_ADDRESS: Limit(60, timedelta(seconds=30)),
}


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket by its kind and the digest that it is kept under: what was typed is not kept."""

    kind: Kind
    key: bytes

    @property
    def limit(self) -> Limit:
        return LIMITS[self.kind]


@dataclass(frozen=True, slots=True)
class Level:
    """How many failures were in a bucket, and when."""

    failures: float
    measured_at: datetime


def bucket(kind: Kind, *parts: str | bytes) -> Bucket:
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return Bucket(kind, digest.digest())


def password_buckets(email: str, address: str | None, device: bytes | None) -> tuple[Bucket, ...]:
    """What a failure to give the password counts in."""
    if device is not None:
        return (bucket(Kind.DEVICE, device),)
    network = network_of(address)
    return (
        bucket(Kind.ACCOUNT, email),
        bucket(Kind.ADDRESS, network),
        bucket(Kind.PAIR, email, network),
    )


def factor_buckets(person_id: PersonId, address: str | None, device: bytes | None) -> tuple[Bucket, ...]:
    """What a failure to give the second factor counts in.

    None that the password empties: who has only that would get new attempts by giving it again.

    Args:
        person_id: who is to show it.
        address: where the attempt comes from.
        device: names the browser, if the person has shown a second factor there before.
    """
    if device is not None:
        return (bucket(Kind.DEVICE_FACTOR, device),)
    return (bucket(Kind.FACTOR, person_id.bytes), bucket(Kind.ADDRESS, network_of(address)))


def reset_buckets(email: str, address: str | None) -> tuple[Bucket, ...]:
    """What each wish for a new password counts in, whether or not there is such an account."""
    return (bucket(Kind.RESET_ACCOUNT, email), bucket(Kind.RESET_ADDRESS, network_of(address)))


def link_buckets(address: str | None) -> tuple[Bucket, ...]:
    """What each link that nobody was given counts in."""
    return (bucket(Kind.LINK_ADDRESS, network_of(address)),)


def is_forgiven_by_success(kind: Kind) -> bool:
    """Does a success empty it? Never one in which the failures of others are: they would get new attempts."""
    return kind in {Kind.PAIR, Kind.DEVICE, Kind.DEVICE_FACTOR}


def network_of(address: str | None) -> str:
    """What counts as one address."""
    if address is None:
        return ""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004 - of IP
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), IPV6_PREFIX), strict=False))


def failures_at(level: Level, limit: Limit, now: datetime) -> float:
    """What is left of the failures at `now`; a clock that was set back gives none back."""
    elapsed = max(now - level.measured_at, timedelta(0))
    return max(0.0, level.failures - elapsed / limit.leaks_one_in)


def wait(level: Level, limit: Limit, now: datetime) -> timedelta:
    """How long until one more attempt is allowed; zero when it is now."""
    excess = failures_at(level, limit, now) - (limit.failures_max - 1)
    return max(timedelta(0), excess * limit.leaks_one_in)


def after_failure(level: Level, limit: Limit, now: datetime) -> Level:
    return Level(failures_at(level, limit, now) + 1, max(now, level.measured_at))


def empty_at(level: Level, limit: Limit) -> datetime:
    return level.measured_at + level.failures * limit.leaks_one_in
