"""Only what auth signed, for us, for now, is believed; and checking costs auth next to nothing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from datetime import UTC, datetime

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from tests.signing import PERMISSIONS, claims_of, jwks, key, token

from stoa.kit import clock, problems, tokens
from stoa.kit.context import Principal
from stoa.kit.permissions import MOST_CHARACTERS
from stoa.kit.tokens import ALGORITHM, LONGEST_TOKEN, TYPE, ExpiredToken, InvalidToken, Verifier


class Auth:
    """Publishes keys and counts how often it is asked."""

    def __init__(self, *kids: str) -> None:
        self.kids = kids
        self.asked = 0
        self.down = False

    async def fetch(self) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise problems.Unavailable("auth does not answer")
        return jwks(*self.kids)


@pytest.fixture
def auth():
    return Auth("first")


@pytest.fixture
def verifier(auth):
    return Verifier(auth.fetch, PERMISSIONS)


@pytest.fixture
def passing_time(monkeypatch):
    """Moves the monotonic clock of the verifier."""
    offset = [0.0]
    real = time.monotonic
    monkeypatch.setattr(tokens.time, "monotonic", lambda: real() + offset[0])

    def move(seconds: float) -> None:
        offset[0] += seconds

    return move


async def test_a_good_token_names_its_principal(verifier, auth):
    roles, allowed = frozenset({"customer", "seller"}), frozenset({"things.things.remove"})
    principal = Principal("ada", "ada@example.com", roles, "session of ada", allowed, 7, frozenset({"honey"}))
    text = token("ada", roles=("customer", "seller"), entitlements=list(allowed), roles_version=7, sellers=["honey"])
    assert await verifier.verify(text) == principal
    assert await verifier.verify(text) == principal
    assert auth.asked == 1


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [
        (("customer",), set()),
        (("customer", "seller"), {"things.things.remove_own"}),
        (("admin",), {"*"}),
        (("support",), set()),
    ],
)
async def test_a_token_of_a_release_that_knew_only_roles_allows_what_they_have_at_first(verifier, roles, allowed):
    principal = await verifier.verify(token("ada", roles=roles))
    assert (principal.permissions, principal.roles_version) == (allowed, 0)
    assert not principal.is_outdated(7)


async def test_a_token_of_a_release_that_took_a_user_for_a_seller_acts_for_the_one_of_that_id(verifier):
    assert (await verifier.verify(token("ada", roles=("seller",)))).sellers == {"ada"}
    assert (await verifier.verify(token("ada", roles=("customer",)))).sellers == frozenset()
    assert (await verifier.verify(token("ada", roles=("seller",), sellers=[]))).sellers == frozenset()


async def test_who_may_nothing_by_their_token_may_nothing_whatever_their_roles_are_called(verifier):
    principal = await verifier.verify(token("ada", roles=("admin", "seller"), entitlements=[]))
    assert (principal.permissions, principal.is_staff) == (frozenset(), False)


async def test_a_token_with_all_permissions_that_may_be_declared_passes(verifier):
    names = [f"things.{'x' * 40}.act_{n:05}" for n in range(MOST_CHARACTERS // 57)]
    text = token("ada", entitlements=names, email=f"{'a' * 242}@example.com", roles_version=2**40)
    assert len(text) < LONGEST_TOKEN
    assert (await verifier.verify(text)).permissions == frozenset(names)


def encode(part: object) -> str:
    text = part if isinstance(part, bytes) else msgspec.json.encode(part)
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def unsigned(alg: str) -> str:
    return f"{encode({'alg': alg, 'typ': TYPE, 'kid': 'first'})}.{encode(claims_of())}."


def hs256_with(secret: bytes, alg: str = "HS256") -> str:
    signed = f"{encode({'alg': alg, 'typ': TYPE, 'kid': 'first'})}.{encode(claims_of())}"
    return f"{signed}.{encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def public_pem() -> bytes:
    return (
        key("first")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def rs256(headers: dict[str, object], signer: str = "first", **changes: object) -> str:
    """Signed by hand: libraries refuse to make some of these."""
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": "first"} | headers
    signed = f"{encode(header)}.{encode(claims_of(**changes))}"
    return f"{signed}.{encode(key(signer).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def with_payload(text: str, **changes: object) -> str:
    head, _, signature = text.split(".")
    return f"{head}.{encode(claims_of(**changes))}.{signature}"


def spare_bits(text: str) -> str:
    """The same signature, spelled with the bits at the end that base64 ignores."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


NOW = int(time.time())
FORGED = {
    "nothing": "",
    "no JWT": "open sesame",
    "two parts": "a.b",
    "no JSON": f"{encode(b'x')}.{encode(b'y')}.{encode(b'z')}",
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg nOnE": unsigned("nOnE"),
    "alg none with a signature": unsigned("none") + encode(b"signature"),
    "HS256 with the public key": hs256_with(public_pem()),
    "HS256 with the public key in one line": hs256_with(public_pem().strip()),
    "RS256 in the header, HMAC inside": hs256_with(public_pem(), alg="RS256"),
    "somebody else's key": rs256({}, signer="stranger"),
    "unknown kid": rs256({"kid": "stranger"}, signer="stranger"),
    "kid that is a path": rs256({"kid": "../../etc/passwd"}, signer="stranger"),
    "kid that is SQL": rs256({"kid": "' OR 1=1 --"}, signer="stranger"),
    "a key of its own": rs256({"kid": "mine", "jwk": msgspec.json.decode(jwks("mine"))["keys"][0]}, signer="mine"),
    "a key from elsewhere": rs256({"kid": "mine", "jku": "https://evil.example/jwks.json"}, signer="mine"),
    "unknown crit": rs256({"crit": ["exp"]}),
    "b64 false": rs256({"b64": False}),
    "typ JWT": rs256({"typ": "JWT"}),
    "typ of a refresh token": rs256({"typ": "rt+jwt"}),
    "other issuer": token(iss="stoa.evil.example"),
    "issuer with ours inside": token(iss="stoa2"),
    "no issuer": token(iss=None),
    "other audience": token(aud="stoa-admin"),
    "no audience": token(aud=None),
    "not yet": token(nbf=NOW + 3600),
    "issued tomorrow": token(iat=NOW + 86400),
    "never expires": token(exp=None),
    "expires as text": token(exp="2999-01-01"),
    "no subject": token(sub=None),
    "no session": token(sid=None),
    "subject is a list": rs256({}, sub=["ada"]),
    "roles are numbers": token(roles=(1, 2)),
    "changed payload": with_payload(token(), user_id="eve", roles=("admin",)),
    "no signature": token().rpartition(".")[0] + ".",
    "half a signature": token()[:-100],
    "signature with a character more": token() + "A",
    "signature in another spelling": spare_bits(token()),
    "padding": token() + "==",
    "a line break": token() + "\n",
    "8 KiB": token(email="a" * 8192),
    "deep header": f"{encode(b'[' * 2000)}.{encode(claims_of())}.{encode(b'x')}",
}  # fmt: skip


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_token_is_refused(verifier, forged):
    with pytest.raises(InvalidToken):
        await verifier.verify(forged)


async def test_the_end_is_exact_also_for_a_token_seen_before(verifier, monkeypatch):
    with pytest.raises(ExpiredToken):
        await verifier.verify(token(exp=int(time.time()) - 1))
    text = token(exp=int(time.time()) + 60)
    await verifier.verify(text)
    monkeypatch.setattr(clock, "now", lambda: datetime.fromtimestamp(NOW + 100_000, UTC))
    with pytest.raises(ExpiredToken):
        await verifier.verify(text)


async def test_a_clock_that_runs_ahead_a_little_is_forgiven(verifier):
    ahead = int(time.time()) + 3
    assert (await verifier.verify(token(iat=ahead, nbf=ahead))).user_id == "ada"


async def test_rotation_goes_unnoticed(verifier, auth, passing_time):
    assert await verifier.verify(token())
    auth.kids = ("first", "second")
    passing_time(tokens.REFETCH_SECONDS + 1)
    assert await verifier.verify(token(kid="second"))
    assert await verifier.verify(token())
    assert auth.asked == 2


async def test_a_withdrawn_key_is_refused_also_for_a_token_seen_before(verifier, auth, passing_time):
    text = token()
    await verifier.verify(text)
    auth.kids = ("second",)
    passing_time(tokens.REFETCH_SECONDS + 1)
    await verifier.verify(token(kid="second"))
    with pytest.raises(InvalidToken):
        await verifier.verify(text)


async def test_a_withdrawn_key_is_noticed_without_a_new_one(verifier, auth, passing_time):
    text = token()
    await verifier.verify(text)
    auth.kids = ("second",)
    passing_time(tokens.KEYS_FRESH_SECONDS + 1)
    # This one is still answered from memory, and has the keys asked for aside.
    await verifier.verify(text)
    await verifier._renewal
    with pytest.raises(InvalidToken):
        await verifier.verify(text)


async def test_forged_key_ids_do_not_reach_auth(verifier, auth, passing_time):
    await verifier.verify(token())
    for _ in range(20):
        with pytest.raises(InvalidToken):
            await verifier.verify(token(kid="stranger"))
    assert auth.asked == 1
    passing_time(tokens.REFETCH_SECONDS + 1)
    for _ in range(20):
        with pytest.raises(InvalidToken):
            await verifier.verify(token(kid="stranger"))
    assert auth.asked == 2


async def test_many_at_once_ask_once(verifier, auth):
    text = token()
    await asyncio.gather(*(verifier.verify(text) for _ in range(50)))
    assert auth.asked == 1


async def test_without_auth_known_keys_go_on_and_nothing_else_does(verifier, auth, passing_time):
    auth.down = True
    with pytest.raises(problems.Unavailable):
        await verifier.verify(token())
    auth.down = False
    text = token()
    await verifier.verify(text)
    auth.down = True
    passing_time(tokens.KEYS_FRESH_SECONDS + 1)
    assert await verifier.verify(text)
    await verifier._renewal
    assert await verifier.verify(token("grace"))


async def test_memory_is_bounded(verifier, monkeypatch):
    monkeypatch.setattr(tokens, "REMEMBERED_TOKENS", 3)
    for number in range(10):
        await verifier.verify(token(f"user {number}"))
    assert len(verifier._known) == 3


async def test_keys_that_are_not_for_signing_are_passed_over():
    document = msgspec.json.decode(jwks("first"))
    first = document["keys"][0]
    document["keys"] = [
        {"kty": "oct", "kid": "first", "k": "c2VjcmV0"},
        {**first, "use": "enc"},
        {**first, "alg": "HS256"},
    ]

    async def fetch() -> str:
        return msgspec.json.encode(document).decode()

    with pytest.raises(InvalidToken):
        await Verifier(fetch, PERMISSIONS).verify(token())
