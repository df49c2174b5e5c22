"""Address books: their owner's alone, with one default."""

import asyncio

import pytest
from user.conftest import ADDRESS

from stoa.contracts.user.v1.user_pb2 import GetAddressRequest
from stoa.kit import problems
from stoa.services.user.addresses import MOST_ADDRESSES

UNKNOWN = "00000000-0000-7000-8000-000000000000"


async def add(world, user, **changes):
    return await world.rest.ok("POST", "/users/addresses", ADDRESS | changes, status=201, user=user)


async def book(world, user):
    """Whether each is the default, by first line, in order."""
    body = await world.rest.ok("GET", "/users/addresses?limit=100", user=user)
    return {address["line1"]: address["is_default"] for address in body["items"]}


async def test_adding_and_reading(world, ada):
    made = await add(world, ada)
    assert {name: value for name, value in made.items() if name in ADDRESS} == ADDRESS
    assert made.keys() - ADDRESS.keys() == {"id", "is_default", "version", "created_at"}
    assert made["is_default"]
    assert await world.rest.ok("GET", f"/users/addresses/{made['id']}", user=ada) == made
    assert await world.rest.ok("GET", "/users/addresses", user=ada) == {"items": [made], "next_cursor": None}


async def test_pages(world, ada):
    for n in range(5):
        await add(world, ada, line1=f"{n}")
    seen, cursor = [], ""
    while cursor is not None:
        page = await world.rest.ok("GET", f"/users/addresses?limit=2{cursor and '&cursor=' + cursor}", user=ada)
        seen += [address["line1"] for address in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ["0", "1", "2", "3", "4"]


async def test_one_default_at_a_time(world, ada):
    first = await add(world, ada, line1="first", is_default=False)
    second = await add(world, ada, line1="second")
    assert await book(world, ada) == {"first": True, "second": False}
    await add(world, ada, line1="third", is_default=True)
    assert await book(world, ada) == {"first": False, "second": False, "third": True}
    body = ADDRESS | {"line1": "second", "is_default": True}
    for _ in range(2):
        await world.rest.ok("PUT", f"/users/addresses/{second['id']}", body, user=ada)
        assert await book(world, ada) == {"first": False, "second": True, "third": False}
    await world.rest.ok("DELETE", f"/users/addresses/{second['id']}", status=204, user=ada)
    assert await book(world, ada) == {"first": True, "third": False}
    await world.rest.ok("DELETE", f"/users/addresses/{first['id']}", status=204, user=ada)
    assert await book(world, ada) == {"third": True}


async def test_many_defaults_at_once_leave_one(world, ada):
    await asyncio.gather(*(add(world, ada, line1=f"{n}", is_default=True) for n in range(8)))
    assert sorted((await book(world, ada)).values()) == [False] * 7 + [True]


async def test_replacing(world, ada):
    made = await add(world, ada)
    new = ADDRESS | {"line1": "1 New Road", "region": "Kent", "phone": "5"}
    replaced = await world.rest.ok("PUT", f"/users/addresses/{made['id']}", new, user=ada)
    assert replaced == made | new | {"version": 2}
    assert await world.rest.ok("PUT", f"/users/addresses/{made['id']}", new, user=ada) == replaced
    answer = await world.rest.send("PUT", f"/users/addresses/{made['id']}", new | {"is_default": False}, user=ada)
    assert (answer.status, answer.problem, answer.body["field"]) == (409, "default-needed", "is_default")
    assert await world.rest.ok("GET", f"/users/addresses/{made['id']}", user=ada) == replaced


async def test_what_is_anothers_does_not_exist(world, ada, eve):
    made = await add(world, ada)
    await add(world, eve)
    before = await world.rows()
    for address_id in (made["id"], UNKNOWN):
        path = f"/users/addresses/{address_id}"
        for method, body in (("GET", None), ("PUT", ADDRESS | {"is_default": True}), ("DELETE", None)):
            answer = await world.rest.send(method, path, body, user=eve)
            assert (answer.status, answer.problem) == (404, "address-not-found")
            assert (await world.rest.send(method, path, body)).status == 401
    assert (await world.rest.send("GET", "/users/addresses/nonsense", user=eve)).status == 404
    assert await world.rows() == before


async def test_a_book_has_an_end(world, ada):
    await world.hear(ada)
    for n in range(MOST_ADDRESSES - 1):
        await add(world, ada, line1=f"{n}")
    answers = await asyncio.gather(*(world.rest.send("POST", "/users/addresses", ADDRESS, user=ada) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409]
    assert {answer.problem for answer in answers if answer.status == 409} == {"address-book-full"}
    assert len((await world.rows())["addresses"]) == MOST_ADDRESSES


async def test_one_key_one_address(world, ada):
    answers = await asyncio.gather(
        *(world.rest.send("POST", "/users/addresses", ADDRESS, user=ada, key="once") for _ in range(10))
    )
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert len((await world.rows())["addresses"]) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"country": "UK"}, "country"),
        ({"country": "gb"}, "country"),
        ({"country": "GBR"}, "country"),
        ({"country": "GB\n"}, "country"),
        ({"country": None}, "country"),
        ({"name": ""}, "name"),
        ({"line1": "  "}, "line1"),
        ({"line1": "x" * 201}, "line1"),
        ({"city": "a\0b"}, "city"),
        ({"postal_code": "x" * 21}, "postal_code"),
        ({"phone": "call me"}, "phone"),
        ({"is_default": "yes"}, "is_default"),
        ({"user_id": UNKNOWN}, "user_id"),
        ({"id": UNKNOWN}, "id"),
    ],
)
async def test_what_is_refused(world, ada, change, field):
    made = await add(world, ada)
    before = await world.rows()
    for method, path in (("POST", "/users/addresses"), ("PUT", f"/users/addresses/{made['id']}")):
        answer = await world.rest.send(method, path, ADDRESS | change, user=ada)
        assert (answer.status, answer.body["field"]) == (422, field)
    assert await world.rows() == before


@pytest.mark.parametrize("query", ["cursor=x", "cursor=WyJ4Il0", "limit=0", "limit=101", "user_id=1"])
async def test_a_bad_query(world, ada, query):
    answer = await world.rest.send("GET", f"/users/addresses?{query}", user=ada)
    assert (answer.status, answer.body["field"]) == (422, query.partition("=")[0])


async def test_hostile_text_is_text(world, ada):
    name = "Robert'); DROP TABLE addresses;-- <script>alert(1)</script>"
    assert (await add(world, ada, name=name))["name"] == name
    assert (await world.rest.ok("GET", "/users/addresses", user=ada))["items"][0]["name"] == name


async def test_what_services_are_told(world, ada, eve):
    made = await add(world, ada)
    told = (await world.stub.GetAddress(GetAddressRequest(user_id=ada.id, address_id=made["id"]))).address
    assert {name: getattr(told, name) for name in ADDRESS} == ADDRESS
    for user_id, address_id in ((eve.id, made["id"]), (ada.id, UNKNOWN), (ada.id, "x"), ("", made["id"])):
        with pytest.raises(problems.NotFound):
            await world.stub.GetAddress(GetAddressRequest(user_id=user_id, address_id=address_id))
