"""What the shop's own fields say of a customer: the public ones are his to set, the rest and metadata the shop's."""

import pytest
from editors import one_of_two

from stoa.contracts.user.v1.user_pb2 import GetProfileRequest
from stoa.kit import staff_acts
from stoa.testing import new_user

ADMIN = new_user("admin")


@pytest.fixture
async def fields(world):
    for said in (
        {"name": "birthday", "type": "date", "public": True},
        {"name": "size", "type": "choice", "choices": ["S", "M"], "public": True},
        {"name": "credit", "type": "integer", "min": 0},
    ):
        await world.rest.ok("POST", "/custom-fields/customer", said, status=201, user=ADMIN)


async def test_customers_set_what_is_public_and_staff_all(world, ada, fields):
    mine, path = "/users/profile", f"/users/{ada.id}/profile"
    changed = await world.rest.ok("PATCH", mine, {"custom_fields": {"size": "M", "birthday": "1815-12-10"}}, user=ada)
    assert (changed["custom_fields"], changed["version"]) == ({"birthday": "1815-12-10", "size": "M"}, 2)
    by_staff = {"custom_fields": {"credit": 500, "size": None}, "metadata": {"crm": "A-17"}}
    shown = await world.rest.ok("PATCH", path, by_staff, user=ADMIN)
    assert shown["custom_fields"] == {"birthday": "1815-12-10", "credit": 500}
    assert (shown["metadata"], shown["version"]) == ({"crm": "A-17"}, 3)
    assert await world.rest.ok("GET", path, user=ADMIN) == shown
    hers = await world.rest.ok("GET", mine, user=ada)
    assert hers["custom_fields"] == {"birthday": "1815-12-10"}
    assert "metadata" not in hers
    told = await world.stub.GetProfile(GetProfileRequest(user_id=ada.id))
    assert (told.custom_fields_json, dict(told.metadata)) == (
        b'{"birthday":"1815-12-10","credit":500}',
        {"crm": "A-17"},
    )


async def test_what_does_not_say_them_leaves_them(world, ada, fields):
    await world.rest.ok("PATCH", "/users/profile", {"custom_fields": {"size": "M"}}, user=ada)
    names = {"first_name": "Augusta", "last_name": "King"}
    assert (await world.rest.ok("PUT", "/users/profile", names, user=ada))["custom_fields"] == {"size": "M"}
    same = await world.rest.ok("PATCH", "/users/profile", {"custom_fields": {"size": "M"}}, user=ada)
    assert same["version"] == 3  # and nothing was written


@pytest.mark.parametrize(
    ("body", "problem", "field"),
    [
        ({"custom_fields": {"shoe": 42}}, "unknown-custom-field", "custom_fields.shoe"),
        ({"custom_fields": {"credit": 42}}, "unknown-custom-field", "custom_fields.credit"),
        ({"custom_fields": {"size": "XL"}}, "custom-field-value", "custom_fields.size"),
        ({"custom_fields": {"size": {}}}, "custom-field-value", "custom_fields.size"),
        ({"metadata": {"crm": "1"}}, "unprocessable", "metadata"),
    ],
)
async def test_what_a_customer_may_not_say_changes_nothing(world, ada, fields, body, problem, field):
    await world.hear(ada)
    before = await world.rows()
    refused = await world.rest.send("PATCH", "/users/profile", body, user=ada)
    assert (refused.status, refused.problem, refused.body["field"]) == (422, problem, field)
    assert await world.rows() == before


async def test_two_of_the_staff(world, ada, fields):
    bodies = ({"metadata": {"crm": "1"}}, {"metadata": {"crm": "2"}})
    await one_of_two(world.rest, "PATCH", f"/users/{ada.id}/profile", bodies, user=ADMIN)


async def test_what_staff_did_is_kept_without_what_it_says(world, ada, fields):
    await world.rest.ok("PATCH", f"/users/{ada.id}/profile", {"custom_fields": {"birthday": "1815-12-10"}}, user=ADMIN)
    (kept,) = await staff_acts.list_acts(world.db, subject=ada.id, limit=9)
    assert (kept.act, kept.after) == ("customer.edited", {"custom_fields": ["birthday"], "metadata": []})


async def test_customers_are_shown_to_who_may_see_them(world, ada, eve):
    refused = await world.rest.send("GET", f"/users/{ada.id}/profile", user=eve)
    assert (refused.status, refused.problem) == (403, "forbidden")
