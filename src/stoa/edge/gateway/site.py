"""The pages that the gateway itself shows: a landing page, and the API's description to read and to try in Swagger UI.
Nothing on them is from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib import metadata, resources
from pathlib import Path

from stoa.edge.gateway.headers import PAGE_POLICY
from stoa.kit import own_files
from stoa.kit.http.preconditions import tag_of
from stoa.kit.idempotency import Answer

_HTML = "text/html; charset=utf-8"
_CSS = "text/css; charset=utf-8"
_SCRIPT = "text/javascript; charset=utf-8"

_PAGES = {
    "/": ("landing.html", _HTML),
    "/api/docs": ("docs.html", _HTML),
    "/assets/stoa.css": ("stoa.css", _CSS),
    "/assets/docs.js": ("docs.js", _SCRIPT),
}
_VIEWER = {
    "/assets/swagger-ui.css": ("swagger-ui.css", _CSS),
    "/assets/swagger-ui.js": ("swagger-ui-bundle.js", _SCRIPT),
}


class Site:
    """The static pages by path, read once; those in the folder `own` go before ours.

    Raises `BadSetting` for a file there that is none of our pages.
    """

    def __init__(self, own: Path | None = None) -> None:
        folder = resources.files(__package__) / "pages"
        texts = {name: (folder / name).read_text(encoding="utf-8") for name, _ in _PAGES.values()}
        if own is not None:
            texts |= own_files.read(own, texts, "page")
        self._answers = {path: _page(texts[name].encode(), kind) for path, (name, kind) in _PAGES.items()}

    def find(self, path: str) -> Answer | None:
        return _of_viewer(path) if path in _VIEWER else self._answers.get(path)


@cache
def _of_viewer(path: str) -> Answer:
    """A file of Swagger UI, read when first asked for: most gateways are never asked. The package that brings it is a
    view for a web framework that is not installed, so it is looked up and not imported."""
    name, content_type = _VIEWER[path]
    file = metadata.distribution("flask-swagger-ui").locate_file(f"flask_swagger_ui/dist/{name}")
    return _page(Path(str(file)).read_bytes(), content_type)


def html_answer(text: str) -> Answer:
    """A page that is not in a file."""
    return _page(text.encode(), _HTML)


def _page(body: bytes, content_type: str) -> Answer:
    return Answer(
        200,
        body,
        {
            "content-type": content_type,
            "content-security-policy": PAGE_POLICY,
            "cache-control": "no-cache",
            "etag": tag_of(body),
        },
    )
