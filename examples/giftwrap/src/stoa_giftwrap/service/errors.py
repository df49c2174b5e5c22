"""Why giftwrap says no."""

from __future__ import annotations

from stoa.kit.problems import Conflict, NotFound, Unprocessable


class NoSuchOrder(NotFound):
    title = "There is no such order"
    slug = "no-such-order"


class NoSuchPaper(Unprocessable):
    title = "There is no such paper"
    slug = "no-such-paper"


class WrappedAlready(Conflict):
    title = "The order is not to be wrapped any more"
    slug = "wrapped-already"
