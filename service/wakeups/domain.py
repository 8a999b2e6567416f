"""How long a wake-up is leased and put off, and how a sandbox's clock may be moved. Pure."""

from datetime import datetime, timedelta

LEASE = timedelta(seconds=15)
"""A worker that claimed wake-ups and died holds them up for so long."""

ATTEMPTS_MAX = 5
"""A wake-up that failed so often is parked: kept, counted, and tried again now and then."""

PARKED_FOR = timedelta(minutes=10)
RETRY_DELAY_MIN = timedelta(seconds=1)
RETRY_DELAY_FACTOR = 4


def is_parked(attempts: int) -> bool:
    return attempts >= ATTEMPTS_MAX


def retry_delay(attempts: int) -> timedelta:
    """How long a wake-up rests after its `attempts`-th attempt failed.

    Raises:
        ValueError: `attempts` is below 1.
    """
    if attempts < 1:
        raise ValueError(f"{attempts} attempts cannot have failed")
    return PARKED_FOR if is_parked(attempts) else RETRY_DELAY_MIN * RETRY_DELAY_FACTOR ** (attempts - 1)


def may_move(target_at: datetime, to: datetime) -> bool:
    """May a sandbox's clock, told to reach `target_at`, be told to reach `to` instead? Only forward."""
    return to >= target_at


def next_stand(now_at: datetime, fire_at: datetime) -> datetime:
    """Where the clock stands while a wake-up fires: at its instant, and never before where it stood."""
    return max(now_at, fire_at)
