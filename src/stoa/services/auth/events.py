"""The facts that auth announces. The subject is the user's id."""

from __future__ import annotations

from stoa.kit.events import Fact


class UserRegistered(Fact, event="user.registered", frozen=True, kw_only=True):
    """Somebody has an account: registered or imported. The first and so far only version of a user."""

    user_id: str
    email: str
    first_name: str
    last_name: str
    phone: str
