"""Signing keys: made once, published before they sign, retired after their tokens."""

import asyncio
from datetime import timedelta

import jwt
import msgspec
import pytest
from auth.conftest import Surroundings

from stoa.app import PERMISSIONS
from stoa.kit.context import Principal
from stoa.kit.tokens import InvalidToken, Verifier


async def kids(keyring):
    return [key["kid"] for key in msgspec.json.decode(await keyring.jwks())["keys"]]


def kid_of(token):
    return jwt.get_unverified_header(token)["kid"]


async def sign(keyring):
    await keyring.ready()
    return keyring.sign(Principal("u", "ada@example.com", frozenset({"customer"}), "s"))


async def test_processes_that_start_together_share_one_key(world):
    keyrings = [Surroundings(world.db).parts.routes.target.keyring for _ in range(4)]
    published = await asyncio.gather(*(kids(each) for each in keyrings))
    assert len({tuple(each) for each in published}) == 1
    assert await world.db.fetchval("SELECT count(*) FROM signing_keys") == 1


async def test_what_is_published_is_public(world):
    (key,) = msgspec.json.decode(await world.auth.keyring.jwks())["keys"]
    assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")


async def test_rotation(world, later):
    keyring = world.auth.keyring
    old = (await kids(keyring))[0]
    await keyring.rotate_when_due()
    assert await kids(keyring) == [old]
    later(timedelta(days=30))
    await keyring.rotate_when_due()
    await keyring.rotate_when_due()
    assert len(await kids(keyring)) == 2
    new = (await kids(keyring))[1]
    last = await sign(keyring)
    assert kid_of(last) == old  # published, and not yet in use
    later(timedelta(minutes=15))
    first = await sign(keyring)
    assert kid_of(first) == new
    later(timedelta(minutes=15))
    await keyring.rotate_when_due()
    assert await kids(keyring) == [old, new]  # the last token of the old one is alive
    later(timedelta(minutes=1))
    await keyring.rotate_when_due()
    assert await kids(keyring) == [new]


async def test_tokens_of_both_keys_hold_while_both_are_published(world, later):
    verifier = Verifier(world.auth.keyring.jwks, PERMISSIONS)
    old = await sign(world.auth.keyring)
    await verifier.verify(old)
    key_id = (await world.stub.RotateSigningKey(_rotate())).key_id
    assert (await world.stub.RotateSigningKey(_rotate())).key_id == key_id  # it waits already
    fresh = Verifier(world.auth.keyring.jwks, PERMISSIONS)
    assert (await fresh.verify(old)).user_id == "u"


async def test_a_leaked_key_is_withdrawn_at_once(world):
    leaked = await sign(world.auth.keyring)
    key_id = (await world.stub.RotateSigningKey(_rotate(withdraw_others=True))).key_id
    assert await kids(world.auth.keyring) == [key_id]
    assert kid_of(await sign(world.auth.keyring)) == key_id
    with pytest.raises(InvalidToken):
        await Verifier(world.auth.keyring.jwks, PERMISSIONS).verify(leaked)


def _rotate(**given):
    from stoa.contracts.auth.v1.auth_pb2 import RotateSigningKeyRequest

    return RotateSigningKeyRequest(**given)
