"""What the gateway, other services and operators' commands ask of auth."""

from datetime import timedelta

import bcrypt
import pytest

from stoa.contracts.auth.v1.auth_pb2 import (
    CheckSessionRequest,
    GetSellersRequest,
    GetUserRequest,
    GrantRoleRequest,
    ImportGroupsRequest,
    ImportUsersRequest,
    OpenSessionRequest,
    ResetPasswordRequest,
    ValidateTokenRequest,
    ValidateTokenResponse,
)
from stoa.kit import problems, staff_acts
from stoa.services.auth import manage_sellers

NewUser = ImportUsersRequest.NewUser
OLD_HASH = bcrypt.hashpw(b"an old passphrase", bcrypt.gensalt(4)).decode()
UNKNOWN = "00000000-0000-7000-8000-000000000000"


async def active(world, session_id):
    return (await world.stub.CheckSession(CheckSessionRequest(session_id=session_id))).active


async def test_a_session_is_checked(world, later):
    await world.register()
    session_id = await world.db.fetchval("SELECT id FROM sessions")
    assert await active(world, session_id)
    assert not await active(world, UNKNOWN)
    assert not await active(world, "")
    assert not await active(world, "' OR true --")
    await world.db.execute("UPDATE users SET disabled_at = now()")
    assert not await active(world, session_id)
    await world.db.execute("UPDATE users SET disabled_at = NULL")
    later(timedelta(days=180))
    assert not await active(world, session_id)


async def test_a_token_is_validated(world):
    made = await world.register("ada@example.com")
    asked = ValidateTokenRequest(access_token=made["access_token"])
    assert await world.stub.ValidateToken(asked) == ValidateTokenResponse(
        active=True,
        user_id=made["user"]["id"],
        email="ada@example.com",
        roles=["customer"],
        session_id=str(await world.db.fetchval("SELECT id FROM sessions")),
    )
    await world.db.execute("UPDATE users SET disabled_at = now()")
    assert await world.stub.ValidateToken(asked) == ValidateTokenResponse(active=False)
    for unfit in ("", "x", made["refresh_token"]):
        assert not (await world.stub.ValidateToken(ValidateTokenRequest(access_token=unfit))).active


async def test_a_user(world):
    made = (await world.register("ada@example.com", phone="123"))["user"]
    by_id = (await world.stub.GetUser(GetUserRequest(user_id=made["id"]))).user
    by_email = (await world.stub.GetUser(GetUserRequest(email="ADA@example.com"))).user
    assert by_id == by_email
    assert (by_id.id, by_id.email, by_id.first_name, by_id.last_name, by_id.phone, list(by_id.roles)) == (
        made["id"],
        "ada@example.com",
        "Ada",
        "Lovelace",
        "123",
        ["customer"],
    )
    for unknown in ({"user_id": UNKNOWN}, {"user_id": "x"}, {"email": "eve@example.com"}, {}):
        with pytest.raises(problems.NotFound):
            await world.stub.GetUser(GetUserRequest(**unknown))


async def test_sellers(world):
    seller = await manage_sellers.add_seller(world.auth, "Mill")
    asked = GetSellersRequest(ids=[seller.id, UNKNOWN, "mill", ""])
    assert [(one.id, one.name) for one in (await world.stub.GetSellers(asked)).sellers] == [(seller.id, "Mill")]


async def test_importing(world):
    there = (await world.register("there@example.com"))["user"]
    users = [
        NewUser(email="A@example.com", first_name="A", last_name="One", password_hash=OLD_HASH),
        NewUser(email="b@example.com", first_name="B", last_name="Two", password_hash="", roles=["seller", "admin"]),
        NewUser(email="There@example.com", first_name="X", last_name="X", password_hash=OLD_HASH, roles=["admin"]),
        NewUser(email="a@example.com", first_name="Twice", last_name="X", password_hash=""),
    ]
    answer = await world.stub.ImportUsers(ImportUsersRequest(users=users, reason="from the old shop"))
    assert (answer.added, answer.already_there) == (2, 2)
    rows = await world.db.fetch("SELECT email, first_name, roles, phone FROM users ORDER BY email")
    assert [tuple(row) for row in rows] == [
        ("a@example.com", "A", ["customer"], ""),
        ("b@example.com", "B", ["admin", "seller"], ""),
        ("there@example.com", "Ada", ["customer"], ""),
    ]
    announced = await world.db.fetch(
        "SELECT personal.data->>'email' AS email FROM event_log JOIN event_personal AS personal USING (id)"
        " WHERE subject <> $1 ORDER BY 1",
        there["id"],
    )
    assert [row["email"] for row in announced] == ["a@example.com", "b@example.com"]
    acts = await staff_acts.list_acts(world.db, limit=10)
    assert [(act.actor, act.act, act.before, act.after, act.reason) for act in acts] == [
        ("operator", "user.imported", None, {"roles": ["admin", "seller"]}, "from the old shop")
    ]
    before = await world.counts()
    again = await world.stub.ImportUsers(ImportUsersRequest(users=users))
    assert (again.added, again.already_there) == (0, 4)
    assert await world.counts() == before
    assert await staff_acts.list_acts(world.db, limit=10) == acts
    assert (await world.login("a@example.com", "an old passphrase")).status == 200
    assert (await world.login("b@example.com", "")).status == 422
    assert (await world.login("b@example.com", "anything")).status == 401


async def test_importing_thousands_is_two_statements(world):
    users = [NewUser(email=f"customer-{n}@retail.example", first_name="C", last_name=str(n)) for n in range(4_000)]
    answer = await world.stub.ImportUsers(ImportUsersRequest(users=users))
    assert (answer.added, answer.already_there) == (4_000, 0)
    counts = await world.counts()
    assert (counts["users"], counts["event_log"]) == (4_000, 4_000)


async def test_groups_are_imported_where_they_are_not(world):
    def groups(**described):
        new = [ImportGroupsRequest.NewGroup(name=name, description=said) for name, said in described.items()]
        return world.stub.ImportGroups(ImportGroupsRequest(groups=new))

    assert (await groups(trade="Shops", staff="")).added == 2
    assert (await groups(trade="Others", press="Writers")).added == 1
    rows = await world.db.fetch("SELECT name, description FROM customer_groups ORDER BY name")
    assert [tuple(row) for row in rows] == [("press", "Writers"), ("staff", ""), ("trade", "Shops")]
    acts = await staff_acts.list_acts(world.db, limit=10)
    assert [(act.actor, act.act, act.subject) for act in acts] == [
        ("operator", "group.added", name) for name in ("press", "trade", "staff")
    ]
    with pytest.raises(problems.Unprocessable) as refused:
        await groups(**{"No Name": ""})
    assert refused.value.field == "groups[0].name"
    assert await world.db.fetchval("SELECT count(*) FROM customer_groups") == 3


async def test_importing_nobody(world):
    answer = await world.stub.ImportUsers(ImportUsersRequest())
    assert (answer.added, answer.already_there) == (0, 0)


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"email": "nonsense"}, "users[1].email"),
        ({"password_hash": "5f4dcc3b5aa765d61d8327deb882cf99"}, "users[1].password_hash"),
        ({"password_hash": "$2b$31$" + "a" * 53}, "users[1].password_hash"),
        ({"roles": ["owner"]}, "users[1].roles"),
    ],
)
async def test_an_import_is_all_or_nothing(world, bad, field):
    good = NewUser(email="a@example.com", first_name="A", last_name="One")
    with pytest.raises(problems.Unprocessable) as refused:
        await world.stub.ImportUsers(
            ImportUsersRequest(users=[good, NewUser(**{"email": "b@example.com", "first_name": "B"} | bad)])
        )
    assert refused.value.field == field
    assert await world.counts() == {"users": 0, "sessions": 0, "refresh_tokens": 0, "event_log": 0}


async def test_an_operators_session(world, later):
    made = await world.register("ada@example.com")
    opened = await world.stub.OpenSession(OpenSessionRequest(email="ada@example.com", reason="replay"))
    assert opened.expires_in_seconds == 900
    me = await world.rest.ok("GET", "/auth/me", token=opened.access_token)
    assert me["id"] == made["user"]["id"]
    row = await world.db.fetchrow("SELECT client, reason FROM sessions WHERE id = $1", opened.session_id)
    assert tuple(row) == ("operator", "replay")
    (act,) = await staff_acts.list_acts(world.db, limit=10)
    assert (act.actor, act.act, act.subject, act.reason) == (
        "operator",
        "user.session_opened",
        made["user"]["id"],
        "replay",
    )
    assert await active(world, opened.session_id)
    later(timedelta(minutes=15))
    assert not await active(world, opened.session_id)


async def test_no_operators_session_for_whom_there_is_none(world):
    with pytest.raises(problems.NotFound):
        await world.stub.OpenSession(OpenSessionRequest(user_id=UNKNOWN))
    made = await world.register()
    await world.db.execute("UPDATE users SET disabled_at = now()")
    before = await world.counts()
    with pytest.raises(problems.Forbidden):
        await world.stub.OpenSession(OpenSessionRequest(user_id=made["user"]["id"]))
    assert await world.counts() == before


async def state(world):
    """What neither a refusal nor a repeat may change."""
    users = await world.db.fetch("SELECT id, roles, password_hash, version FROM users ORDER BY id")
    acts = await world.db.fetchval("SELECT count(*) FROM staff_acts")
    return users, acts, await world.counts(), await world.db.fetchval("SELECT count(ended_at) FROM sessions")


async def test_granting_a_role(world):
    made = await world.register("ada@example.com")
    request = GrantRoleRequest(email="ADA@example.com", role="admin", reason="the first of us")
    assert (await world.stub.GrantRole(request)).changed
    assert not await world.active(made)
    signed_in = (await world.login("ada@example.com")).body
    assert signed_in["user"]["roles"] == ["admin", "customer"]
    (act,) = await staff_acts.list_acts(world.db, limit=9)
    assert (act.actor, act.act, act.subject, act.before, act.after, act.reason) == (
        "operator",
        "user.roles_changed",
        made["user"]["id"],
        {"roles": ["customer"]},
        {"roles": ["admin", "customer"]},
        "the first of us",
    )
    announced = await world.db.fetch("SELECT type, data FROM event_log WHERE type = 'user.changed'")
    assert [dict(row["data"])["roles"] for row in announced] == [["admin", "customer"]]
    before = await state(world)
    assert not (await world.stub.GrantRole(request)).changed
    assert await state(world) == before
    assert await world.active(signed_in)


async def test_resetting_a_password(world):
    made = await world.register("ada@example.com")
    await world.stub.ResetPassword(ResetPasswordRequest(email="ada@example.com", password_hash=OLD_HASH, reason="lost"))
    assert not await world.active(made)
    assert (await world.login("ada@example.com")).status == 401
    assert (await world.login("ada@example.com", "an old passphrase")).status == 200
    (act,) = await staff_acts.list_acts(world.db, limit=9)
    assert (act.actor, act.act, act.subject, act.before, act.after, act.reason) == (
        "operator",
        "user.password_reset",
        made["user"]["id"],
        None,
        None,
        "lost",
    )


async def test_what_an_operator_cannot_do_changes_nothing(world):
    made = await world.register("ada@example.com")
    await world.db.execute("UPDATE users SET roles = '{customer}'")
    before = await state(world)
    for refused, wrong, field in (
        (GrantRoleRequest(email="eve@example.com", role="admin"), problems.NotFound, None),
        (GrantRoleRequest(user_id=made["user"]["id"], role="owner"), problems.Unprocessable, "role"),
        (ResetPasswordRequest(email="eve@example.com", password_hash=OLD_HASH), problems.NotFound, None),
        (ResetPasswordRequest(email="ada@example.com", password_hash="plain"), problems.Unprocessable, "password_hash"),
    ):
        call = world.stub.GrantRole if isinstance(refused, GrantRoleRequest) else world.stub.ResetPassword
        with pytest.raises(wrong) as failure:
            await call(refused)
        assert failure.value.field == field
        assert await state(world) == before
    await world.db.execute("UPDATE users SET disabled_at = now()")
    for refused in (
        GrantRoleRequest(email="ada@example.com", role="admin"),
        ResetPasswordRequest(email="ada@example.com", password_hash=OLD_HASH),
    ):
        call = world.stub.GrantRole if isinstance(refused, GrantRoleRequest) else world.stub.ResetPassword
        with pytest.raises(problems.Forbidden) as failure:
            await call(refused)
        assert failure.value.type.endswith("account-disabled")
        assert await state(world) == before
