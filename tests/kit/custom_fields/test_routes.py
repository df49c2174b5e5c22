"""Fields are defined over REST: here those of customers."""

import asyncio

import pytest
from editors import one_of_two

from stoa.app import SERVICES, subscribers
from stoa.kit import staff_acts
from stoa.kit.custom_fields import repository
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Outbox
from stoa.services.user.routes import routes
from stoa.services.user.service import Users
from stoa.testing import Rest, new_user, prepare_all

PATH = "/custom-fields/customer"
ADMIN, CUSTOMER = new_user("admin"), new_user("customer")
LOYALTY = {"name": "loyalty", "type": "choice", "choices": ["bronze", "gold"], "public": True}


@pytest.fixture
async def db(database):
    return await database("user")


@pytest.fixture
def rest(db):
    return Rest(routes.bind(Users(db=db, auth=None, outbox=Outbox(SERVICES["user"], subscribers), media=None)), db)


async def test_every_statement(db):
    assert {"ADD_DEFINITION", "CHANGE_DEFINITION"} <= set(await prepare_all(db, repository))


async def test_a_field_is_made_shown_changed_and_taken_away(rest, db):
    made = await rest.ok("POST", PATH, LOYALTY, status=201, user=ADMIN)
    assert {name: made[name] for name in ("entity", "name", "type", "choices", "version")} == {
        "entity": "customer",
        "name": "loyalty",
        "type": "choice",
        "choices": ["bronze", "gold"],
        "version": 1,
    }
    secret = await rest.ok("POST", PATH, {"name": "limit", "type": "integer", "min": 0}, status=201, user=ADMIN)
    assert await rest.ok("GET", PATH, user=ADMIN) == {"items": [secret, made], "next_cursor": None}
    for other in (None, CUSTOMER):
        assert (await rest.ok("GET", PATH, user=other))["items"] == [made]
        assert (await rest.send("GET", f"{PATH}/limit", user=other)).problem == "custom-field-not-found"
    body = {"type": "choice", "choices": ["bronze", "gold", "jade"], "public": True, "label": None}
    changed = await rest.ok("PUT", f"{PATH}/loyalty", body, user=ADMIN)
    assert (changed["choices"], changed["version"], changed["label"]) == (["bronze", "gold", "jade"], 2, "")
    assert await rest.ok("PUT", f"{PATH}/loyalty", body, user=ADMIN) == changed
    await rest.ok("DELETE", f"{PATH}/loyalty", status=204, user=ADMIN)
    assert (await rest.send("DELETE", f"{PATH}/loyalty", user=ADMIN)).problem == "custom-field-not-found"
    acts = await staff_acts.list_acts(db, subject="customer.loyalty", limit=9)
    assert [act.act for act in acts] == ["custom_field.removed", "custom_field.changed", "custom_field.added"]


@pytest.mark.parametrize(
    "said",
    [
        {"type": "text", "max_length": 40},
        {"type": "integer", "min": 1, "max": 9},
        {"type": "boolean"},
        {"type": "date", "earliest": "2026-01-01"},
        {"type": "choices", "choices": ["a", "b"]},
    ],
)
async def test_a_repeat_changes_nothing(rest, db, said):
    made = await rest.ok("POST", PATH, said | {"name": "noted"}, status=201, user=ADMIN)
    assert await rest.ok("PUT", f"{PATH}/noted", said, user=ADMIN) == made
    acts = await staff_acts.list_acts(db, subject="customer.noted", limit=9)
    assert [act.act for act in acts] == ["custom_field.added"]


async def test_of_two_editors_one_is_told(rest):
    await rest.ok("POST", PATH, LOYALTY, status=201, user=ADMIN)
    bodies = [{"type": "choice", "choices": [one], "public": True} for one in ("tin", "gold")]
    await one_of_two(rest, "PUT", f"{PATH}/loyalty", tuple(bodies), user=ADMIN)
    await one_of_two(rest, "DELETE", f"{PATH}/loyalty", (None, None), user=ADMIN)


async def test_of_two_with_one_name_one_is_made(rest, db):
    sent = await asyncio.gather(*(rest.send("POST", PATH, LOYALTY, user=ADMIN) for _ in range(4)))
    assert sorted(answer.status for answer in sent) == [201, 409, 409, 409]
    assert {answer.problem for answer in sent if answer.status == 409} == {"custom-field-taken"}
    assert await db.fetchval("SELECT count(*) FROM custom_fields") == 1


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"type": "decimal"}, "type"),
        ({"type": "text", "name": "Engraving"}, "name"),
        ({"type": "text", "name": "2nd"}, "name"),
        ({"type": "text", "min": 1}, "min"),
        ({"type": "integer", "max_length": 1}, "max_length"),
        ({"type": "boolean", "choices": ["yes"]}, "choices"),
        ({"type": "integer", "min": 2, "max": 1}, "max"),
        ({"type": "date", "earliest": "2026-01-02", "latest": "2026-01-01"}, "latest"),
        ({"type": "date", "earliest": "soon"}, "earliest"),
        ({"type": "choice"}, "choices"),
        ({"type": "choice", "choices": ["a", "a"]}, "choices"),
        ({"type": "text", "max_length": 5_001}, "max_length"),
        ({"type": "text", "filterable": True}, "filterable"),
        ({"type": "text", "required": True}, "required"),
    ],
)
async def test_what_makes_no_sense_is_not_made(rest, db, said, field):
    refused = await rest.send("POST", PATH, {"name": "some", "public": True} | said, user=ADMIN)
    assert (refused.status, refused.body["field"]) == (422, field)
    assert await db.fetch("SELECT FROM custom_fields") == []


async def test_a_field_keeps_its_type(rest, db):
    made = await rest.ok("POST", PATH, LOYALTY, status=201, user=ADMIN)
    refused = await rest.send("PUT", f"{PATH}/loyalty", {"type": "text", "public": True}, user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "custom-field-stays", "type")
    assert await rest.ok("GET", f"{PATH}/loyalty", user=ADMIN) == made


async def test_there_are_at_most_a_hundred(rest, db):
    await db.execute(
        "INSERT INTO custom_fields (entity, name, type, label, choices, public, filterable)"
        " SELECT 'customer', 'f' || n, 'text', '', '{}', true, false FROM generate_series(1, 100) AS n"
    )
    refused = await rest.send("POST", PATH, LOYALTY, user=ADMIN)
    assert (refused.status, refused.problem, refused.body["most"]) == (409, "custom-fields-full", 100)


async def test_a_field_taken_away_while_values_are_written(rest, db):
    """Whoever comes first: its values are seen by nobody, also when the name is used again."""
    user = new_user()
    await db.execute(
        "INSERT INTO user_profiles (user_id, email, first_name, last_name, phone) VALUES ($1, $2, '', '', '')",
        user.id,
        user.email,
    )
    for _ in range(5):
        await rest.ok("POST", PATH, LOYALTY, status=201, user=ADMIN)
        write = rest.send("PATCH", "/users/profile", {"custom_fields": {"loyalty": "gold"}}, user=user)
        written, removed = await asyncio.gather(write, rest.send("DELETE", f"{PATH}/loyalty", user=ADMIN))
        assert removed.status == 204
        assert written.status == 200 or (written.problem, written.body["field"]) == (
            "unknown-custom-field",
            "custom_fields.loyalty",
        )
        assert (await rest.ok("GET", "/users/profile", user=user))["custom_fields"] == {}
        await rest.ok("POST", PATH, LOYALTY, status=201, user=ADMIN)
        assert (await rest.ok("GET", "/users/profile", user=user))["custom_fields"] == {}
        await rest.ok("DELETE", f"{PATH}/loyalty", status=204, user=ADMIN)


async def test_a_field_of_another_entity_is_none_of_it(rest, db):
    assert await db.fetchval("SELECT numbered_fields('product', '{\"loyalty\": \"gold\"}')") is None
    assert (await rest.send("GET", f"{PATH}/{uuid7()}", user=ADMIN)).problem == "custom-field-not-found"
