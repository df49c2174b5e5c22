"""Moved to `stoa.testing`."""

from stoa.testing import prepare_all

__all__ = ["prepare_all"]
