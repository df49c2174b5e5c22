"""Who a user is to the shop: profile, address book, preferences, wishlist.

Owns all four; e-mail address, password and roles are auth's. Invariants:

- Everything hangs on a profile, and nobody but its user sees or changes it: a foreign id is an unknown one.
- What the user has edited is never overwritten by an announcement, however late that comes.
- An address book has at most 50 addresses, and while it has any, exactly one default.
- Of who was deleted nothing is left, and nothing comes back, however late it was announced.
- A product or a SKU is on a wishlist once.
"""

from __future__ import annotations

from functools import partial

from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceStub
from stoa.contracts.user.v1.user_pb2_grpc import add_UserServiceServicer_to_server
from stoa.kit.service import Parts, Resources
from stoa.services.user.handlers import handlers
from stoa.services.user.routes import routes
from stoa.services.user.rpc import UserServicer
from stoa.services.user.service import Users


def build(resources: Resources) -> Parts:
    users = Users(
        db=resources.db,
        auth=AuthServiceStub(resources.channel("auth")),
        outbox=resources.outbox,
        media=MediaServiceStub(resources.channel("media")),
    )
    return Parts(
        routes=routes.bind(users),
        servicers=[partial(add_UserServiceServicer_to_server, UserServicer(users))],
        handlers=handlers(users),
    )
