"""The settings of auth, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    access_token_seconds: int = 900
    """How long a service believes a token without asking: a quarter of an hour is the field's habit."""

    refresh_token_days: int = 30
    """A shopper who comes back within a month is still signed in."""

    session_days: int = 180
    """Even one who comes daily proves the password twice a year."""

    hash_threads: int = 2
    """Passwords hashed at once; each takes a core for about 40 ms."""

    hash_queue: int = 64
    """Passwords waiting or in work: what comes on top gets 503 at once instead of a second's wait."""

    argon2_memory_kib: int = 19_456
    argon2_passes: int = 2
    """OWASP's first choice for argon2id: 19 MiB, two passes, one lane."""

    key_rotation_days: int = 30
    """The age at which the next signing key is made."""

    key_lead_seconds: int = 900
    """A new key is published this long before it signs, so that every cache of the key set has been renewed."""
