"""How guessing of passwords is slowed down without locking anybody out for ever.

Each wrong password counts twice: for the account from that network, and for the account from anywhere.

- From one network, 5 are free; then each costs a wait of 15 s, 30 s, 1 min … at most 15 min.
- From everywhere together, 50 are free; then there is one guess a minute, except from networks that the
  owner has signed in from in the last 90 days: an attacker cannot keep the owner out of a known place.
- A refused try is not counted and does not lengthen the wait. An hour without a wrong one forgives all.

A try is counted before the password is checked and taken back when it was right: a thousand at the
same moment get no more guesses than one after the other. Accounts that do not exist count alike.

Whoever registers learns of an address that it has an account. A network may be told so 5 times at once, and once more
every 12 minutes: 10 times in an hour at most. What comes on top learns nothing here and is kept from nothing: whoever
registers then proves by mail that the address is theirs (`stoa.services.auth.prove_address`). A network may have 30
such mails sent at once, and one more each minute: enough for a campus, and too little to flood anybody with.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FREE_FROM_ONE_NETWORK = 5
FREE_FROM_EVERYWHERE = 50
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=15)
WAIT_FROM_EVERYWHERE = timedelta(minutes=1)
FORGIVEN_AFTER = timedelta(hours=1)
KNOWN_FOR = timedelta(days=90)

EVERYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a network may have us do: so often at once, and once more each time so much has passed."""

    name: str
    at_once: int
    again_after: timedelta

    def seconds_to_wait(self, full_at: datetime | None, now: datetime) -> int:
        """Whole seconds until once more, 0 for now; `full_at` is None before the first."""
        wait = self._until_full(full_at, now) - (self.at_once - 1) * self.again_after
        return max(0, math.ceil(wait.total_seconds()))

    def used(self, full_at: datetime | None, now: datetime) -> datetime:
        """When it may be done as often as at first, after it was done once more."""
        return now + self._until_full(full_at, now) + self.again_after

    def _until_full(self, full_at: datetime | None, now: datetime) -> timedelta:
        return _left(full_at, self.at_once * self.again_after, now)


TOLD = Allowance("told", 5, timedelta(minutes=12))
"""That an address has an account."""
MAILED = Allowance("mailed", 30, timedelta(minutes=1))
"""With a code, to an address that whoever registers names."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was tried in vain for an account from `client`, a network or `EVERYWHERE`."""

    client: str
    failures: int = 0
    failed_at: datetime | None = None
    blocked_until: datetime | None = None
    succeeded_at: datetime | None = None


def account_key(email: str) -> bytes:
    """What stands for an account here: addresses that were only tried are not kept in the clear."""
    return hashlib.sha256(email.encode()).digest()


def network_of(client: str) -> str:
    """An IPv4 address itself; of an IPv6 address its /64, which is what one household or server gets."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((address, 64), strict=False))
        address = address.ipv4_mapped
    return str(address)


def seconds_to_wait(network: Tally, everywhere: Tally, now: datetime) -> int:
    """Whole seconds until a try is allowed, 0 for now."""
    wait = _left(network.blocked_until, LONGEST_WAIT, now)
    if network.succeeded_at is None or network.succeeded_at < now - KNOWN_FOR:
        wait = max(wait, _left(everywhere.blocked_until, WAIT_FROM_EVERYWHERE, now))
    return math.ceil(wait.total_seconds())


def _left(blocked_until: datetime | None, longest: timedelta, now: datetime) -> timedelta:
    """What is left of a wait. One longer than any is of a clock that was ahead, and would keep the owner out."""
    left = blocked_until - now if blocked_until else timedelta()
    return left if timedelta() < left <= longest else timedelta()


def counted(tally: Tally, now: datetime) -> Tally:
    """With one more wrong password, and the wait that it costs."""
    forgiven = tally.failed_at is None or tally.failed_at <= now - FORGIVEN_AFTER
    failures = 1 if forgiven else tally.failures + 1
    return replace(tally, failures=failures, failed_at=now, blocked_until=_blocked_until(tally.client, failures, now))


def proven(tally: Tally, now: datetime) -> Tally:
    """The password was right: this try is taken back, and its network becomes a known one."""
    if tally.client == EVERYWHERE:
        return replace(tally, failures=max(0, tally.failures - 1), blocked_until=None)
    return replace(tally, failures=0, blocked_until=None, succeeded_at=now)


def _blocked_until(client: str, failures: int, now: datetime) -> datetime | None:
    if client == EVERYWHERE:
        return now + WAIT_FROM_EVERYWHERE if failures >= FREE_FROM_EVERYWHERE else None
    if failures < FREE_FROM_ONE_NETWORK:
        return None
    doublings = min(failures - FREE_FROM_ONE_NETWORK, 10)
    return now + min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
