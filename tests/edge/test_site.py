"""The gateway's own pages: that they need nobody else, who has them already, and a shop's own before ours."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from tests.asgi import ask
from tests.edge.town import Town

from stoa.edge.gateway import encoding, site
from stoa.edge.gateway.headers import PAGE_POLICY
from stoa.kit import own_files
from stoa.kit.http.preconditions import coded
from stoa.kit.settings import BadSetting

HTML = "text/html; charset=utf-8"
CSS = "text/css; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
OURS = {"/": HTML, "/api/docs": HTML, "/assets/stoa.css": CSS, "/assets/docs.js": SCRIPT}
OF_VIEWER = {"/assets/swagger-ui.css": CSS, "/assets/swagger-ui.js": SCRIPT}


class Links(HTMLParser):
    """What a page loads or leads to, and what the policy would not let it do."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: set[str] = set()
        self.linked: set[str] = set()
        self.inline: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self._in = tag
        self.inline += [name for name in named if name == "style" or name.startswith("on")]
        where = self.linked if tag == "a" else self.loaded
        where |= {named[name] for name in ("src", "href") if name in named}

    def handle_data(self, data):
        if self._in in {"script", "style"} and data.strip():
            self.inline.append(data)


@pytest.fixture
def gateway():
    return Town().gateway()


@pytest.mark.parametrize(("target", "kind"), (OURS | OF_VIEWER).items())
async def test_each_page_is_there_under_the_strict_policy(gateway, target, kind):
    reply = await ask(gateway, "GET", target)
    assert (reply.status, reply.headers["content-type"]) == (200, kind)
    assert reply.headers["content-security-policy"] == PAGE_POLICY
    assert reply.headers["cache-control"] == "no-cache"
    head = await ask(gateway, "HEAD", target)
    assert (head.status, head.body) == (200, b"")
    assert head.headers | {"x-request-id": ""} == reply.headers | {"x-request-id": ""}
    assert (await ask(gateway, "POST", target)).headers["allow"] == "GET, HEAD"


def test_the_policy_lets_nothing_in_from_elsewhere():
    rules = dict(rule.split(" ", 1) for rule in PAGE_POLICY.split("; "))
    assert rules.pop("img-src") == "'self' data:"
    assert set(rules.values()) == {"'none'", "'self'"}
    assert rules["default-src"] == "'none'"


@pytest.mark.parametrize("target", ["/", "/api/docs"])
async def test_a_page_loads_only_what_is_here(gateway, target):
    links = Links((await ask(gateway, "GET", target)).body.decode())
    assert links.inline == []
    assert links.loaded - {"data:,"} <= set(OURS | OF_VIEWER)
    assert all(each.startswith(("/", "#")) for each in links.linked)
    assert any(each.endswith("stoa.css") for each in links.loaded)


@pytest.mark.parametrize("target", OURS)
async def test_our_own_files_name_no_other_place(gateway, target):
    assert not re.search(r"https?://", (await ask(gateway, "GET", target)).body.decode())


async def test_only_the_documentation_has_a_script(gateway):
    scripts = {
        page: {each for each in Links((await ask(gateway, "GET", page)).body.decode()).loaded if each.endswith(".js")}
        for page in ("/", "/api/docs")
    }
    assert scripts == {"/": set(), "/api/docs": {"/assets/swagger-ui.js", "/assets/docs.js"}}


async def test_the_viewer_is_the_packages_in_few_bytes(gateway):
    plain = await ask(gateway, "GET", "/assets/swagger-ui.js")
    assert b"SwaggerUIBundle" in plain.body
    sizes = {}
    for target in OF_VIEWER:
        packed = await ask(gateway, "GET", target, headers={"accept-encoding": "br"})
        assert packed.headers["content-encoding"] == "br"
        sizes[target] = len(packed.body)
    assert sum(sizes.values()) < 500_000


async def test_the_viewer_is_read_when_it_is_asked_for(monkeypatch):
    site._of_viewer.cache_clear()
    looked_up = []
    distribution = site.metadata.distribution
    monkeypatch.setattr(site.metadata, "distribution", lambda name: looked_up.append(name) or distribution(name))
    gateway = Town().gateway()
    for target in OURS:
        await ask(gateway, "GET", target)
    assert looked_up == []
    for _ in range(2):
        assert (await ask(gateway, "GET", "/assets/swagger-ui.css")).status == 200
    assert looked_up == ["flask-swagger-ui"]


@pytest.mark.parametrize("target", ["/", "/api/docs", "/assets/swagger-ui.css", "/api/openapi.json"])
async def test_who_has_a_page_gets_it_once(gateway, target):
    plain = await ask(gateway, "GET", target)
    tag = plain.headers["etag"]
    packed = await ask(gateway, "GET", target, headers={"accept-encoding": "gzip"})
    small = len(plain.body) < encoding.LEAST_BYTES
    assert packed.headers["etag"] == (tag if small else coded(tag, "gzip"))
    for known in (tag, f"W/{tag}", f'"other", {tag}', packed.headers["etag"], "*"):
        for method in ("GET", "HEAD"):
            reply = await ask(gateway, method, target, headers={"if-none-match": known})
            assert (reply.status, reply.body) == (304, b"")
            assert reply.headers["etag"] == (packed.headers["etag"] if known == packed.headers["etag"] else tag)
            assert reply.headers.keys().isdisjoint({"content-type", "content-length", "content-encoding"})
            # A browser takes these for those of the page that it keeps.
            for name in ("content-security-policy", "cache-control"):
                assert reply.headers[name] == plain.headers[name]
            assert reply.headers.get("vary") == plain.headers.get("vary")
    for other in ('"other"', coded(tag, "zstd"), tag.strip('"')):
        assert (await ask(gateway, "GET", target, headers={"if-none-match": other})).status == 200


async def test_a_page_is_packed_once(gateway, monkeypatch):
    target = "/api/openapi.json"
    first = await ask(gateway, "GET", target, headers={"accept-encoding": "br"})
    before = encoding._packed_once.cache_info()
    for _ in range(3):
        assert (await ask(gateway, "GET", target, headers={"accept-encoding": "br"})).body == first.body
        known = {"accept-encoding": "br", "if-none-match": first.headers["etag"]}
        assert (await ask(gateway, "GET", target, headers=known)).status == 304
    after = encoding._packed_once.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (0, 3)


async def test_the_tag_changes_with_the_description():
    tags = set()
    for gateway in (Town().gateway(), Town().gateway()):
        tags.add((await ask(gateway, "GET", "/api/openapi.json")).headers["etag"])
    assert len(tags) == 1
    smaller = Town()
    smaller.api = smaller.api_of("auth")
    assert (await ask(smaller.gateway(), "GET", "/api/openapi.json")).headers["etag"] not in tags


# A shop's own


async def test_the_shops_own_page_goes_before_ours(tmp_path, gateway):
    (tmp_path / "landing.html").write_text("<h1>Acmé</h1>", encoding="utf-8")
    (tmp_path / "stoa.css").write_text("body { color: teal; }")
    own = Town().gateway(pages=tmp_path)
    landing = await ask(own, "GET", "/")
    assert (landing.status, landing.body.decode()) == (200, "<h1>Acmé</h1>")
    assert landing.headers["content-type"] == HTML
    assert landing.headers["content-security-policy"] == PAGE_POLICY
    assert landing.headers["etag"] != (await ask(gateway, "GET", "/")).headers["etag"]
    assert (await ask(own, "GET", "/assets/stoa.css")).body == b"body { color: teal; }"
    assert (await ask(own, "GET", "/api/docs")).body == (await ask(gateway, "GET", "/api/docs")).body


async def test_a_folder_without_pages_changes_nothing(tmp_path, gateway):
    own = Town().gateway(pages=tmp_path / "pages")
    assert (await ask(own, "GET", "/")).body == (await ask(gateway, "GET", "/")).body


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("landnig.html", b"<h1>Acme</h1>", "is no page of ours: landing.html?"),
        ("swagger-ui.css", b"", "is no page of ours"),
        ("landing.html", b"\xff", "cannot be read: 'utf-8' codec can't decode byte 0xff"),
        ("stoa.css", b" " * (own_files.LARGEST_BYTES + 1), "has more than 1,048,576 bytes"),
        ("stoa.css", "é".encode() * own_files.LARGEST_BYTES, "has more than 1,048,576 bytes"),
    ],
)
def test_a_page_that_cannot_be_used_is_refused_at_once(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadSetting, match=re.escape(f"{tmp_path / name} {says}")):
        Town().gateway(pages=tmp_path)


def test_a_folder_in_a_pages_place_is_refused(tmp_path):
    (tmp_path / "landing.html").mkdir()
    with pytest.raises(BadSetting, match=re.escape(f"{tmp_path}/landing.html cannot be read: ")):
        Town().gateway(pages=tmp_path)


def test_the_largest_that_is_read(tmp_path):
    (tmp_path / "stoa.css").write_bytes(b" " * own_files.LARGEST_BYTES)
    Town().gateway(pages=tmp_path)
