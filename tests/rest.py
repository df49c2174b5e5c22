"""Moved to `stoa.testing`."""

from stoa.testing import Answer, Rest, User, new_user, token_of

__all__ = ["Answer", "Rest", "User", "new_user", "token_of"]
