"""The settings of auth, each with its reason."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from stoa.kit.settings import Days, Positive, WholeSeconds

HashThreads = Annotated[int, Meta(ge=1, le=256)]
Memory = Annotated[int, Meta(ge=64, le=4 * 1024 * 1024)]


@dataclass(frozen=True, kw_only=True)
class Settings:
    access_token_seconds: WholeSeconds = 900
    """How long a service believes a token without asking: a quarter of an hour is the field's habit."""

    refresh_token_days: Days = 30
    """A shopper who comes back within a month is still signed in."""

    refresh_grace_seconds: WholeSeconds = 20
    """A refresh token that comes again so soon is another tab's or a repeat over a bad line: refused, and no theft."""

    session_days: Days = 180
    """Even one who comes daily proves the password twice a year."""

    hash_threads: HashThreads = 2
    """Passwords hashed at once; each takes a core for about 40 ms."""

    hash_queue: Positive = 64
    """Passwords waiting or in work: what comes on top gets 503 at once instead of a second's wait."""

    argon2_memory_kib: Memory = 19_456
    """For each password that is being hashed: with the passes it makes guessing dear. OWASP asks for 19 MiB."""

    argon2_passes: Positive = 2
    """OWASP's first choice for argon2id: 19 MiB, two passes, one lane."""

    key_rotation_days: Days = 30
    """The age at which the next signing key is made."""

    key_lead_seconds: WholeSeconds = 900
    """A new key is published this long before it signs, so that every cache of the key set has been renewed."""
