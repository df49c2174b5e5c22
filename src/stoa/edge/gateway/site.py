"""The pages that the gateway itself shows: a landing page and the API's documentation, nothing from elsewhere."""

from __future__ import annotations

from importlib.resources import files

from stoa.edge.gateway.headers import PAGE_POLICY
from stoa.kit.idempotency import Answer

_PAGES = {
    "/": ("landing.html", "text/html; charset=utf-8"),
    "/api/docs": ("docs.html", "text/html; charset=utf-8"),
    "/assets/stoa.css": ("stoa.css", "text/css; charset=utf-8"),
    "/assets/docs.js": ("docs.js", "text/javascript; charset=utf-8"),
}


class Site:
    """The static pages by path, read once."""

    def __init__(self) -> None:
        folder = files("stoa.edge.gateway") / "pages"
        self._answers = {path: _page((folder / name).read_bytes(), kind) for path, (name, kind) in _PAGES.items()}

    def find(self, path: str) -> Answer | None:
        return self._answers.get(path)


def _page(body: bytes, content_type: str) -> Answer:
    return Answer(
        200,
        body,
        {
            "content-type": content_type,
            "content-security-policy": PAGE_POLICY,
            "cache-control": "no-cache",
        },
    )
