"""When catalog or user announce which files they name: those are kept, and what nobody names any more ends some day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.outbox import Announcement, Outbox
from stoa.kit.service import Handler
from stoa.services.media import ends_repository, uses_repository
from stoa.services.media.events import ready
from stoa.services.media.owners import of_user
from stoa.services.media.uses_repository import UseKind

TELLING: Mapping[str, UseKind] = {"product.created": "product", "product.updated": "product", "user.updated": "user"}


class Told(msgspec.Struct):
    """`files` are the files that a product or a user names, with the revision that is shown. None: they are as they
    were, or it was announced before there were any."""

    files: dict[str, int] | None = None


class UserDeleted(msgspec.Struct):
    user_id: str


async def _told(kind: UseKind, outbox: Outbox, tx: Transaction, event: Event) -> None:
    files = event.read(Told).files
    if files is None:
        return
    before = await uses_repository.learn_use(tx, kind, event.subject, event.aggregateversion, sorted(files))
    if before is None:
        return
    used = await uses_repository.note_used(tx, files) if files else []
    if gone := set(before) - files.keys():
        await uses_repository.note_unused(tx, gone)
    # Whoever has named it has asked before its pictures were what they are.
    outdated = [one for one in used if one.picture is not None and one.revision > files[one.id]]
    await outbox.announce_all(tx, [Announcement(one.id, one.version, ready(one)) for one in outdated])


async def leave_those_with_files(tx: Transaction, events: Sequence[Event]) -> Sequence[Event]:
    """A batch handler. Who names no file and never did has nothing kept here: of thousands of products that come
    without a picture, as those of an import do, one statement is enough for each delivery."""
    telling = [event for event in events if event.type in TELLING]
    bare = {event.subject for event in telling} - {event.subject for event in telling if event.read(Told).files}
    if bare:
        bare -= await uses_repository.which_named_some(tx, bare)
    return [event for event in events if event.type not in TELLING or event.subject not in bare]


async def _user_deleted(tx: Transaction, event: Event) -> None:
    """What was theirs is gone from now on, and its bytes follow."""
    user_id = event.read(UserDeleted).user_id
    await uses_repository.forget_use(tx, "user", user_id)
    await ends_repository.end_files_of(tx, of_user(user_id))


def handlers(outbox: Outbox) -> Mapping[str, Handler]:
    told = {kind: partial(_told, use, outbox) for kind, use in TELLING.items()}
    return told | {"user.deleted": _user_deleted}
