"""Access tokens that are not ours, or no longer."""

import base64
import hashlib
import hmac
import time

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def segment(value):
    raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def forge(world, made, *, header=None, claims=None, key=None):
    """A token like the real one, with these members changed (None takes one away)."""
    real_header, real_claims, _ = made["access_token"].split(".")
    pad = "=="
    new_header = msgspec.json.decode(base64.urlsafe_b64decode(real_header + pad)) | (header or {})
    new_claims = msgspec.json.decode(base64.urlsafe_b64decode(real_claims + pad)) | (claims or {})
    new_claims = {name: value for name, value in new_claims.items() if value is not None}
    pem = key or await world.db.fetchval("SELECT private_pem FROM signing_keys")
    return jwt.encode(new_claims, pem, algorithm="RS256", headers=new_header)


async def refused(world, token):
    answer = await world.rest.send("GET", "/auth/me", token=token)
    assert answer.status == 401, answer
    assert await world.rest.ok("POST", "/auth/validate", {"token": token}) == {"active": False}


async def test_the_claims(world):
    made = await world.register("ada@example.com")
    claims = jwt.decode(made["access_token"], options={"verify_signature": False})
    session = await world.db.fetchrow("SELECT id, user_id FROM sessions")
    assert claims | {"jti": "", "iat": 0, "nbf": 0, "exp": 0} == {
        "iss": "stoa",
        "aud": "stoa-api",
        "sub": session["user_id"],
        "email": "ada@example.com",
        "roles": ["customer"],
        "entitlements": [],
        "roles_version": 1,
        "sellers": [],
        "groups": [],
        "sid": session["id"],
        "jti": "",
        "iat": 0,
        "nbf": 0,
        "exp": 0,
    }
    assert claims["exp"] - claims["iat"] == 900
    assert abs(claims["iat"] - time.time()) < 60
    header = jwt.get_unverified_header(made["access_token"])
    assert (header["alg"], header["typ"]) == ("RS256", "at+jwt")


async def test_a_forgery_that_changes_nothing_would_pass(world):
    made = await world.register()
    assert await world.active({"access_token": await forge(world, made)})


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
async def test_no_signature(world, algorithm):
    made = await world.register()
    header, claims, signature = made["access_token"].split(".")
    kid = jwt.get_unverified_header(made["access_token"])["kid"]
    unsigned = segment({"alg": algorithm, "typ": "at+jwt", "kid": kid})
    for token in (
        f"{unsigned}.{claims}.",
        f"{unsigned}.{claims}",
        f"{unsigned}.{claims}.{signature}",
        f"{header}.{claims}.",
    ):
        await refused(world, token)


async def test_the_public_key_as_a_shared_secret(world):
    made = await world.register()
    (jwk,) = msgspec.json.decode(await world.auth.keyring.jwks())["keys"]
    public = jwt.PyJWK(jwk).key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _, claims, _ = made["access_token"].split(".")
    for secret in (public, public.strip(), msgspec.json.encode(jwk)):
        signed = f"{segment({'alg': 'HS256', 'typ': 'at+jwt', 'kid': jwk['kid']})}.{claims}"
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        await refused(world, f"{signed}.{segment(mac)}")


async def test_a_key_that_the_token_brings(world):
    made = await world.register()
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    for header in (
        {"jwk": jwk},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"kid": "../../dev/null"},
        {"kid": "x' UNION SELECT private_pem FROM signing_keys --"},
        {},
    ):
        await refused(world, await forge(world, made, header=header, key=pem))


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"b64": False, "crit": ["b64"]}, {"typ": "JWT"}, {"typ": "refresh"}]
)
async def test_a_header_that_would_change_the_meaning(world, header):
    made = await world.register()
    await refused(world, await forge(world, made, header=header))


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": 2**33},
        {"nbf": None},
        {"iat": 2**33},
        {"iss": "sto"},
        {"iss": "stoa2"},
        {"iss": None},
        {"aud": "stoa"},
        {"aud": ["other"]},
        {"aud": None},
        {"sub": None},
        {"sid": None},
        {"jti": None},
        {"roles": "admin"},
        {"roles": None},
    ],
)
async def test_claims_that_do_not_fit(world, claims):
    made = await world.register()
    await refused(world, await forge(world, made, claims=claims))


async def test_a_signature_that_is_damaged(world):
    made = await world.register()
    header, claims, signature = made["access_token"].split(".")
    admin = segment(jwt.decode(made["access_token"], options={"verify_signature": False}) | {"roles": ["admin"]})
    for token in (
        f"{header}.{claims}.{signature[:-4]}",
        f"{header}.{claims}.{signature[:-4]}AAAA",
        f"{header}.{admin}.{signature}",
        f"{header}.{claims}.{signature}=",
        f"{header}.{claims}.{signature}.{signature}",
        made["access_token"] * 5,
    ):
        await refused(world, token)


@pytest.mark.parametrize("token", ["", " ", "null", "None", "a.b.c", "x" * 4097])
async def test_no_token_at_all(world, token):
    assert (await world.rest.send("GET", "/auth/me", token=token)).status == 401


async def test_a_token_in_the_query_is_not_looked_at(world):
    made = await world.register()
    answer = await world.rest.send("GET", f"/auth/me?access_token={made['access_token']}")
    assert answer.status in {401, 422}


async def test_a_token_of_a_session_that_never_was(world):
    made = await world.register()
    for sid in ("00000000-0000-7000-8000-000000000000", "' OR true --", ""):
        token = await forge(world, made, claims={"sid": sid})
        assert await world.rest.ok("POST", "/auth/validate", {"token": token}) == {"active": False}
