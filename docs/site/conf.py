"""How the pages become a site: `make site`. The pages are written for the code host, and nothing in them is for this.

A page is where it is in the repository, so a link means the same in both places. One that leads to a page or a
heading that is not there is a warning, and warnings end the build; one to another file of the repository brings a copy
of it along.
"""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from typing import Any

import mermaidx
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform

ROOT = Path(__file__).resolve().parents[2]

project = "Stoa"
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "docs/**.md"]
extensions = ["myst_parser"]
myst_heading_anchors = 6
nitpicky = True

html_theme = "furo"
html_title = "Stoa"
html_static_path = ["static", str(Path(mermaidx.__file__).parent / "assets" / "mermaid.js")]
html_css_files = ["wide.css"]
html_copy_source = False
html_use_index = False
html_show_sphinx = False
html_show_copyright = False

UNDER = {"docs/adr/README": "docs/adr", "docs/architectures": "docs/architectures"}
"""Pages that have others of their own, and where those are."""
A_PAGE = re.compile(r"\]\(((?:[\w-]+/)*[\w-]+)\.md\)")


def contents_of(page: str) -> list[str]:
    """The pages that stand under this one at the side: the index has all, in its order, and is under the first page."""
    if page in UNDER:
        return sorted(f"{UNDER[page]}/{one.stem}" for one in (ROOT / UNDER[page]).glob("*.md") if one.stem != "README")
    if page == root_doc:
        listed = A_PAGE.findall((ROOT / "docs" / "README.md").read_text())
        own = [
            one for one in dict.fromkeys(f"docs/{link}" for link in listed) if not one.startswith("docs/architectures/")
        ]
        return ["CONTRIBUTING", "docs/README", *own]
    return []


def add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    if found := contents_of(page):
        source[0] += "\n\n```{toctree}\n:hidden:\n" + "\n".join(f"/{one}" for one in found) + "\n```\n"


class Drawings(SphinxPostTransform):
    """What is written for Mermaid is drawn by it, in the browser."""

    default_priority = 1

    def run(self, **_: Any) -> None:
        for block in list(self.document.findall(nodes.literal_block)):
            if block.get("language") == "mermaid":
                block.replace_self(
                    nodes.raw("", f'<pre class="mermaid">{html.escape(block.astext())}</pre>', format="html")
                )


def add_mermaid(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: nodes.document | None) -> None:
    """Where something is drawn, and nowhere else: it is three megabytes."""
    if '<pre class="mermaid">' in context.get("body", ""):
        app.add_js_file("mermaid.js", loading_method="defer")
        app.add_js_file("draw.js", loading_method="defer")


FROM_ELSEWHERE = re.compile(
    r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(?:https?:)?//|url\(["']?(?:https?:)?//"""
)


def finish(app: Sphinx, failure: Exception | None) -> None:
    """The first page by its usual name; and no page fetches anything from elsewhere, so that the site works offline."""
    if failure is None:
        shutil.copy(app.outdir / f"{root_doc}.html", app.outdir / "index.html")
        for file in [*app.outdir.rglob("*.html"), *app.outdir.rglob("*.css")]:
            if found := FROM_ELSEWHERE.search(file.read_text()):
                raise ExtensionError(f"{file.name} fetches something from elsewhere: {found[0]}")


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)
    app.connect("html-page-context", add_mermaid)
    app.connect("build-finished", finish)
    app.add_post_transform(Drawings)
