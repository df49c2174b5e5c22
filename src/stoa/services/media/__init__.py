"""Media: files that people upload, and the pictures that are made of them.

It owns files, their pictures and who names which. What always holds:

* a file's bytes are kept before there is a row of it, and are there as long as the row is;
* what a file is its bytes say; nobody but who has a link to a document gets what was uploaded, everybody only pictures
  that were made of it;
* what strangers have sent is decoded by a process of its own, with limits, and by no other;
* under an address stands one picture for ever: another focal point has other addresses;
* the same content of an owner for a use is one file;
* what somebody names stays, what nobody names any more ends, and what has ended nobody gets: its bytes follow later.
"""

from __future__ import annotations

import asyncio
from functools import partial

from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.media.v1.media_pb2_grpc import add_MediaServiceServicer_to_server
from stoa.contracts.user.v1.user_pb2_grpc import UserServiceStub
from stoa.kit.service import Parts, Resources
from stoa.services.media.handlers import handlers, leave_those_with_files
from stoa.services.media.jobs import jobs
from stoa.services.media.metrics import measure
from stoa.services.media.routes import routes
from stoa.services.media.rpc import MediaServicer
from stoa.services.media.service import Media
from stoa.services.media.settings import Settings
from stoa.services.media.storage import own


def build(resources: Resources) -> Parts:
    settings = resources.settings(Settings)
    store = resources.provider("media", own(resources.files, settings), settings.store, "store")
    neighbors = (
        AuthServiceStub(resources.channel("auth")),
        CatalogServiceStub(resources.channel("catalog")),
        UserServiceStub(resources.channel("user")),
    )
    media = Media(resources.db, resources.outbox, settings, store, resources.cache, resources.reach, *neighbors)
    return Parts(
        routes=routes.bind(media),
        servicers=[partial(add_MediaServiceServicer_to_server, MediaServicer(media))],
        handlers=handlers(resources.outbox),
        batch_handler=leave_those_with_files,
        jobs=jobs(media),
        start=partial(asyncio.to_thread, media.tidy),
        measure=partial(measure, resources.db),
    )
