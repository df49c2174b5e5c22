"""Where the `type` of a problem leads: a page that says what it means and what to do, and one that lists them all.

Made from the description, so types of packages and of services in other processes are there too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from stoa.edge.gateway.site import html_answer
from stoa.kit.idempotency import Answer
from stoa.kit.problem_types import ProblemType
from stoa.kit.problems import TYPE_BASE

LIST = TYPE_BASE.rstrip("/")

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/stoa.css">
</head>
<body class="problem">
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""


def problem_page(types: Mapping[str, ProblemType], path: str) -> Answer | None:
    """The page at this path; None where there is none."""
    if path == LIST:
        return html_answer(_PAGE.format(title="Problems", content=_list(types)))
    slug = path.removeprefix(TYPE_BASE)
    if slug not in types:
        return None
    return html_answer(_PAGE.format(title=escape(types[slug].title), content=_about(slug, types[slug])))


def _about(slug: str, kind: ProblemType) -> str:
    paragraphs = [f"<p><code>{escape(TYPE_BASE + slug)}</code>, status {kind.status}</p>"]
    paragraphs += [f"<p>{_marked(text)}</p>" for text in kind.means.split("\n\n") if text]
    if kind.remedy:
        paragraphs.append(f"<h2>What to do</h2>\n<p>{_marked(kind.remedy)}</p>")
    return "\n".join([*paragraphs, f'<p><a href="{LIST}">All problems</a></p>'])


def _list(types: Mapping[str, ProblemType]) -> str:
    parts = ["<p>Every refusal is a document whose <code>type</code> is one of these, and stays what it is.</p>"]
    for status in sorted({each.status for each in types.values()}):
        lines = [
            f'<li><a href="{escape(TYPE_BASE + slug)}">{escape(slug)}</a> {escape(each.title)}</li>'
            for slug, each in types.items()
            if each.status == status
        ]
        parts.append(f"<h2>{status}</h2>\n<ul>\n" + "\n".join(lines) + "\n</ul>")
    return "\n".join(parts)


def _marked(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
