"""The facts that user announces. The subject is the user's id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stoa.kit.events import Fact


class UserUpdated(Fact, event="user.updated", frozen=True, kw_only=True):
    """A profile is not as it was: `changed` names its members, and who wants to know what they are asks.
    `files` are those that the avatar names, with the revision that it shows; null: they are as they were."""

    user_id: str
    changed: Sequence[str]
    files: Mapping[str, int] | None = None
