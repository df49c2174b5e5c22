"""Two who edit one thing: whoever saves second is told so, and has changed nothing.

await one_of_two(rest, "PUT", "/users/profile", (ADAS, AUGUSTAS), read="/users/profile", user=ada)
"""

from __future__ import annotations

import asyncio
from typing import Any

from stoa.testing import Rest


async def one_of_two(
    rest: Rest, method: str, path: str, bodies: tuple[Any, Any], *, read: str | None = None, **who: Any
) -> None:
    """Both have read it at `read` (by default the same path) and send their body at once. One is answered, the other
    gets 412 with the version that there is; what is read then is the winner's. Other tags are refused."""
    read = read or path
    before = await rest.send("GET", read, **who)
    assert before.status == 200, before
    tag = before.headers["etag"]
    assert tag.startswith(f'"{before.body["version"]}-')
    for wrong in ('"999999999"', f"W/{tag}"):
        refused = await rest.send(method, path, bodies[0], headers={"if-match": wrong}, **who)
        assert (refused.status, refused.problem, refused.body["field"]) == (412, "version-mismatch", "If-Match")
    assert (await rest.send("GET", read, headers={"if-none-match": tag}, **who)).status == 304
    sent = [rest.send(method, path, body, headers={"if-match": tag}, **who) for body in bodies]
    answers = await asyncio.gather(*sent)
    won, lost = sorted(answers, key=lambda each: each.status)
    assert won.status < 300, won
    after = await rest.send("GET", read, **who)
    if after.status == 404:
        assert lost.status in {404, 412}, lost
        return
    assert (lost.status, lost.problem) == (412, "version-mismatch"), lost
    assert lost.body["now"] == after.body["version"] != before.body["version"]
    if won.body is not None and won.body.keys() == after.body.keys():
        assert won.body == after.body
        assert won.headers["etag"].startswith(f'"{after.body["version"]}-')
