"""The payment providers of this shop: the one that new payments go to, and those that older ones are with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from stoa.kit.settings import BadSetting
from stoa.ports.payment import PaymentProvider
from stoa.services.payment.errors import NoSuchProvider, ProviderGone

log = logging.getLogger(__name__)


@runtime_checkable
class Closes(Protocol):
    """A provider that keeps something open."""

    async def close(self) -> None: ...


class Providers:
    """`current` is the name of the one that new payments go to; `build` makes one by name, or raises `BadSetting`."""

    def __init__(self, current: str, build: Callable[[str], PaymentProvider]) -> None:
        self.current = current
        self._build = build
        # At once, so that a shop that could take no money does not start.
        self._built = {current: build(current)}

    async def close(self) -> None:
        """End the connections of those that have some."""
        for provider in self._built.values():
            if isinstance(provider, Closes):
                await provider.close()

    def of(self, name: str) -> PaymentProvider:
        """The provider of a payment, as its row names it: it is captured, voided and refunded where it was made.

        Raises `ProviderGone` for one that is not installed any more.
        """
        try:
            return self._find(name)
        except BadSetting as error:
            log.error("payments are with a provider that cannot be had: %s", error)
            raise ProviderGone(name) from None

    def named_in_webhook(self, name: str) -> PaymentProvider:
        """The same, of a name that anybody may have written: where there is none, nobody has to be told.

        Raises `NoSuchProvider`.
        """
        try:
            return self._find(name)
        except BadSetting:
            raise NoSuchProvider from None

    def _find(self, name: str) -> PaymentProvider:
        if name not in self._built:
            self._built[name] = self._build(name)
        return self._built[name]
