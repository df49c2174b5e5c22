"""`ETag` and `If-Match`: whoever changes something says which version of it they have seen.

What is edited counts its changes in a `version`. An answer that shows it has `ETag: "<version>-<digest of the body>"`.
The handler of a route that is declared `versioned` gives `request.if_match` to the act, which checks it under the lock
of what it changes:

    before = await repository.lock_profile(tx, user_id)
    if_match.check(before.version)

`If-None-Match` compares the whole tag, because what is shown may change without what is edited: a cart's prices do.
`If-Match` looks at the version alone. So the bare `"3"` of a body's `version` is as good, and so is the tag of bytes
that the gateway has compressed (`"3-5f3a…-gzip"`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from stoa.kit import problems
from stoa.kit.http.refusals import BadHeader

# RFC 9110 §8.8.3 and §5.6.1.2: a list may have empty elements.
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_TAGS = re.compile(rf"[ \t,]*{_TAG.pattern}(?:[ \t]*,(?:[ \t]*{_TAG.pattern})?)*[ \t]*")
_VERSION = re.compile(r"([0-9]{1,18})(?:-.*)?")
_CODING = re.compile(r"-(?:gzip|br)\Z")


class VersionMismatch(problems.PreconditionFailed):
    """`now` is the version that it has, null where there is nothing."""

    title = "Somebody else changed it first"
    slug = "version-mismatch"

    def __init__(self, now: int | None) -> None:
        found = "There is nothing here yet" if now is None else f"It has version {now} by now"
        super().__init__(f"{found}: read it and decide again.", field="If-Match", now=now)


class NothingToMatch(problems.PreconditionFailed):
    """The condition cannot be looked at, so what depends on it is not done."""

    title = "What this changes has no version to compare"
    slug = "nothing-to-match"

    def __init__(self, header: str) -> None:
        super().__init__(f"Nothing was done. Send the request without {header} to have it done.", field=header)


@dataclass(frozen=True, slots=True)
class IfMatch:
    """What a caller expects of the thing it changes; nothing where no `If-Match` was `sent`.

    `versions` are those of which it must have one. None, also of `If-Match: *`: it may have any.
    """

    sent: bool = False
    versions: frozenset[int] | None = None

    def check(self, version: int | None) -> None:
        """Raise `VersionMismatch` unless the thing, locked, is as expected. `version` None: it is not there yet."""
        if self.sent and (version is None or (self.versions is not None and version not in self.versions)):
            raise VersionMismatch(version)


ANYTHING = IfMatch()


def if_match_of(lines: list[str]) -> IfMatch:
    """What the `If-Match` lines of a request say. Raises `BadHeader` for what is neither `*` nor tags in quotes.

    A weak tag matches nothing, as RFC 9110 §13.1.1 has it, and neither does one that is not ours.
    """
    if not lines:
        return ANYTHING
    said = ", ".join(lines).strip(" \t")
    if said == "*":
        return IfMatch(sent=True)
    if not _TAGS.fullmatch(said):
        raise BadHeader('If-Match is * or the ETag of what was read, as "3" with its quotes.', field="If-Match")
    ours = (_VERSION.fullmatch(tag) for weak, tag in _TAG.findall(said) if not weak)
    return IfMatch(sent=True, versions=frozenset(int(match[1]) for match in ours if match))


def etag_of(version: int, body: bytes) -> str:
    """The tag of an answer that shows this version."""
    return f'"{version}-{hashlib.sha256(body).hexdigest()[:16]}"'


def tag_of(body: bytes) -> str:
    """The tag of an answer that shows no version: that of its bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def coded(etag: str, coding: str) -> str:
    """The tag of the same answer under a content coding: other bytes, so another tag."""
    return f'{etag[:-1]}-{coding}"'


def known_tag(lines: list[str], etag: str) -> str | None:
    """Which tag of `If-None-Match` says that the caller has the answer of this `etag`, under whatever coding."""
    if any(line.strip(" \t") == "*" for line in lines):
        return etag
    opaque = etag[1:-1]
    tags = (match for line in lines for match in _TAG.finditer(line))
    return next((f'"{tag[2]}"' for tag in tags if _CODING.sub("", tag[2]) == opaque), None)
