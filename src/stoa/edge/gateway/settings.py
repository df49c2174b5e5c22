"""What an operator may set about the gateway: `STOA_GATEWAY_<NAME>`."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.kit.settings import Number, Seconds, SecondsOrNone


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """The rates are meant to stop machines, not shoppers: a person who clicks fast makes 100 requests a minute."""

    allowed_origins: tuple[str, ...] = ()
    """Origins of other sites whose scripts may call the API, as `https://shop.example`; none: only our own pages.
    Each is named, `*` is refused."""

    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) of the proxies before us, whose X-Forwarded-For and -Proto we believe; none: nobody's."""

    requests_per_minute: Number = 6000
    """For each signed-in user, or address of guests; the whole minute's worth may come at once.
    High because an office or a mobile network shares one address. Of everything together, with stored answers, our own
    pages and refusals, an address may ask for twenty times as much. 0: no limit."""

    sign_ins_per_minute: Number = 600
    """Sign-ins, registrations and the like from one address; auth itself locks out who guesses. 0: no limit."""

    remember_seconds: SecondsOrNone = 3600.0
    """The most that a stored answer to a public read may age if the event that changes it never comes. Each read says
    itself how long, those of the catalog 5 s: this is for less. 0: none is stored, each read asks its service."""

    remember_bytes: Number = 32 * 1024 * 1024
    """What the stored answers may take together: about 20,000 products."""

    upstream_seconds: Seconds = 35.0
    """A service gives up after 30 s itself and says so: this is for one that says nothing."""
