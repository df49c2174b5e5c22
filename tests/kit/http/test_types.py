"""What a URL of a picture may be."""

import msgspec
import pytest

from stoa.kit.http.types import MediaUrl


@pytest.mark.parametrize(
    "url",
    [
        "https://img.example.com/mug.jpg",
        "https://IMG.example.com",
        "https://img.example.com:8443/a%20b/(1)_~.jpg?w=100&h=2;x#top",
        "https://img.example.com?w=1@2",
        "https://xn--bcher-kva.example/a.png",
        "/media/mug.jpg",
        "/api/v1/media/01928f3e-7c2a-7b51-9d2e-1a2b3c4d5e6f/93c5f9595d37d2aa-640.webp",
        "/media/2026/11/a_b-c~1.webp",
    ],
)
def test_urls_of_pictures(url):
    assert msgspec.convert(url, MediaUrl) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://img.example.com/mug.jpg",
        "javascript:alert(1)",
        "JAVASCRIPT://img.example.com/%0aalert(1)",
        "data:image/png;base64,AAAA",
        "//img.example.com/mug.jpg",
        "ftp://img.example.com/mug.jpg",
        "https://ada:secret@img.example.com/mug.jpg",
        "https://ada@img.example.com/mug.jpg",
        "https://img.example.com\\@evil.example/",
        "https://bücher.example/a.png",
        "https://аpple.example/a.png",
        "https://127.0.0.1/a.png",
        "https://[::1]/a.png",
        "https://2130706433/a.png",
        "https://localhost/a.png",
        "https://-a.example/a.png",
        "https:///a.png",
        "https://img.example.com:/a.png",
        "https://img.example.com/a b.png",
        "https://img.example.com/a\tb.png",
        "https://img.example.com/a.png\n",
        "https://img.example.com/\u202egnp.a",
        "https://img.example.com/\x7f",
        "https://img.example.com/'onerror=alert(1)",
        'https://img.example.com/"><script>',
        "https://img.example.com/`",
        "/media/",
        "/media/../secrets.json",
        "/api/v1/media/../auth/me",
        "/api/v1/auth/me",
        "/media/a/..\\b",
        "/media/a?b",
        "/api/v1/auth/logout",
        "/mug.jpg",
        "https://img.example.com/" + "a" * 2000,
    ],
)
def test_what_is_none(url):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(url, MediaUrl)
