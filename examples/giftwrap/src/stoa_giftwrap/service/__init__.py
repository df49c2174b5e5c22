"""Gift wraps: in which paper an order goes out, and what is written on it.

Owns what it has heard of orders, and what was chosen for each. Invariants:

- Only who placed an order chooses for it, and only until it is on its way or called off.
- What was chosen is announced in the transaction in which it became so, once for each change.
"""

from __future__ import annotations

from functools import partial

from stoa.kit.service import Parts, Resources
from stoa_giftwrap.contracts.v1.giftwrap_pb2_grpc import add_GiftwrapServiceServicer_to_server
from stoa_giftwrap.service.handlers import handlers
from stoa_giftwrap.service.routes import routes
from stoa_giftwrap.service.rpc import GiftwrapServicer
from stoa_giftwrap.service.settings import Settings
from stoa_giftwrap.service.wraps import Wraps


def build(resources: Resources) -> Parts:
    wraps = Wraps(resources.db, resources.outbox, resources.settings(Settings), resources.reach)
    return Parts(
        routes=routes.bind(wraps),
        servicers=[partial(add_GiftwrapServiceServicer_to_server, GiftwrapServicer(wraps))],
        handlers=handlers(resources.reach),
    )
