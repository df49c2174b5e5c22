"""The public API of accounts and sessions.

Requests with a password and answers with tokens are never kept for a repeat (`UNKEPT`): what a repeat does
is said where the act is. Signing in and out needs nobody to be known (`PUBLIC`).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit import problems, staff_acts, text
from stoa.kit.context import Principal
from stoa.kit.emails import normalized
from stoa.kit.http.edge import ENDED_SESSIONS, ENDED_USER
from stoa.kit.http.pages import decode_cursor, page_of
from stoa.kit.http.routes import OWN, OWNER, PUBLIC, SIGNED_IN, UNKEPT, Answer, Request, Routes, may
from stoa.kit.http.types import Email, Id, Label, Name, Page, PageQuery, Phone, Reason, ShortText
from stoa.kit.permissions import LONGEST_NAME
from stoa.kit.staff_acts import StaffAct
from stoa.kit.tokens import LONGEST_TOKEN, SessionEnded
from stoa.services.auth import (
    delete_account,
    manage_sellers,
    manage_users,
    passwords,
    powers,
    repository,
    roles_repository,
    sellers_repository,
)
from stoa.services.auth import register as registering
from stoa.services.auth.change_password import change_password
from stoa.services.auth.check_session import TokenState, validate
from stoa.services.auth.errors import (
    AccountDisabled,
    InvalidRefreshToken,
    LastAdmin,
    NoSuchMember,
    NoSuchRole,
    NoSuchSeller,
    NoSuchUser,
    NotTheirManager,
    ProveAddress,
    RefreshedMeanwhile,
    WrongCredentials,
    WrongPassword,
)
from stoa.services.auth.login import login
from stoa.services.auth.logout import logout
from stoa.services.auth.manage_roles import add_role, remove_role, replace_role
from stoa.services.auth.refresh import refresh
from stoa.services.auth.roles import RoleName, RoleNames
from stoa.services.auth.sellers_repository import MemberRole, Seller
from stoa.services.auth.service import Auth
from stoa.services.auth.views import (
    AccountView,
    MemberView,
    PermissionView,
    RoleView,
    SellerView,
    SignedIn,
    UserView,
    account_view,
    member_view,
    permission_view,
    role_view,
    seller_view,
    user_view,
)

routes: Routes[Auth] = Routes("auth")

READ_USERS = may(powers.READ_USERS)
DISABLE = may(powers.DISABLE)
EDIT_ROLES = may(powers.EDIT_ROLES)
READ_SELLERS = may(powers.READ_SELLERS)
EDIT_SELLERS = may(powers.EDIT_SELLERS)
BLOCK_SELLERS = may(powers.BLOCK_SELLERS)
NO_STORE = {"cache-control": "no-store"}
"""RFC 6749 §5.1: nothing on the way keeps an answer with tokens."""

NewPassword = Annotated[str, Meta(min_length=passwords.SHORTEST, max_length=passwords.LONGEST)]
AnyPassword = Annotated[str, Meta(min_length=1, max_length=1_000)]
"""What came from elsewhere may be shorter or longer than what we take today."""
ActId = Annotated[int, Meta(ge=1, lt=2**53)]
PermissionName = Annotated[
    str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=text.LINE, examples=["auth.users.read"])
]
Token = Annotated[str, Meta(min_length=1, max_length=LONGEST_TOKEN)]


class NewAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email
    password: NewPassword
    first_name: Name
    last_name: Name
    phone: Phone = ""
    code: Label = ""


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: Email
    password: AnyPassword


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh_token: Token


class LogoutBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh_token: Token | None = None


class TokenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Token


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current_password: AnyPassword
    new_password: NewPassword


class RolesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    roles: RoleNames


class NewSeller(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name


class Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class OwnDeletion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current_password: AnyPassword


class MemberBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: MemberRole = "member"


class RoleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: ShortText = ""
    permissions: Annotated[list[PermissionName], Meta(max_length=500)]


class NewRole(RoleBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: RoleName


class UsersQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email | None = None


@routes.post(
    "/auth/register",
    body=NewAccount,
    raises=(ProveAddress,),
    answer=SignedIn,
    status=201,
    who=PUBLIC,
    idempotent=OWN,
    summary="Open an account",
    also=["/users/register"],
)
async def register(auth: Auth, request: Request[NewAccount]) -> Answer:
    """A repeat of the key with the same body signs in to the account that it made. The key counts for that e-mail
    address. Where a network asks around who has an account the answer is 403 `prove-address`: the same body once more,
    with the `code` from the mail that is sent then."""
    wanted = registering.Registration(**msgspec.structs.asdict(request.body))
    made = await registering.register(auth, wanted, client=request.client, key=request.idempotency_key)
    return Answer(201, made, NO_STORE)


@routes.post(
    "/auth/login",
    body=Credentials,
    answer=SignedIn,
    raises=(WrongCredentials, AccountDisabled),
    who=PUBLIC,
    idempotent=UNKEPT,
    summary="Sign in; after five wrong passwords the answer is 429 with Retry-After",
)
async def log_in(auth: Auth, request: Request[Credentials]) -> Answer:
    sent = request.body
    return Answer(200, await login(auth, email=sent.email, password=sent.password, client=request.client), NO_STORE)


@routes.post(
    "/auth/refresh",
    body=RefreshBody,
    answer=SignedIn,
    raises=(InvalidRefreshToken, AccountDisabled, RefreshedMeanwhile),
    who=PUBLIC,
    idempotent=UNKEPT,
    summary="New tokens for a refresh token, which works once: using it again ends the session",
)
async def refresh_tokens(auth: Auth, request: Request[RefreshBody]) -> Answer:
    """A token that was used some seconds ago gets 409 `refreshed-meanwhile`, and the session lives.

    Another tab was faster: take the tokens that it was given, from where your tabs keep them. If there are none,
    the answer was lost: ask to sign in. After the grace (20 s, a setting) a used token ends the session.
    """
    return Answer(200, await refresh(auth, request.body.refresh_token), NO_STORE)


@routes.post(
    "/auth/logout",
    body=LogoutBody,
    raises=(problems.Unauthorized,),
    who=PUBLIC,
    idempotent=UNKEPT,
    summary="End the session of the access token, or of a refresh token",
)
async def log_out(auth: Auth, request: Request[LogoutBody]) -> Answer:
    """A repeat changes nothing: the session has ended. Only by a token that is not good nobody is signed out."""
    sent = request.body
    session_id = request.principal.session_id if request.principal else None
    if sent.refresh_token is None and request.refused is not None:
        if request.refused.slug == SessionEnded.slug:
            return Answer(204)
        raise request.refused
    ended = await logout(auth, session_id=session_id, refresh_token=sent.refresh_token)
    return Answer(204, headers={ENDED_SESSIONS: ",".join(sorted(ended))} if ended else {})


@routes.post(
    "/auth/validate",
    body=TokenBody,
    answer=TokenState,
    who=PUBLIC,
    idempotent=UNKEPT,
    summary="What an access token says, or just that it is not active",
)
async def validate_token(auth: Auth, request: Request[TokenBody]) -> Answer:
    return Answer(200, await validate(auth, request.body.token), NO_STORE)


@routes.post(
    "/auth/change-password",
    body=PasswordChange,
    raises=(WrongPassword,),
    who=SIGNED_IN,
    idempotent=UNKEPT,
    summary="Change your password; your other sessions end",
    also=["/users/change-password"],
)
async def change_own_password(auth: Auth, request: Request[PasswordChange]) -> Answer:
    sent = request.body
    await change_password(
        auth, _caller(request), current=sent.current_password, new=sent.new_password, client=request.client
    )
    return Answer(204, headers={ENDED_USER: request.user_id})


@routes.get("/auth/me", answer=UserView, raises=(NoSuchUser,), who=SIGNED_IN, summary="Your account, as registered")
async def show_me(auth: Auth, request: Request) -> UserView:
    user = await repository.find_user(auth.db, request.user_id)
    if user is None:
        raise NoSuchUser
    return user_view(user)


@routes.get(
    "/auth/users", query=UsersQuery, answer=Page[AccountView], who=READ_USERS, summary="All accounts, the newest first"
)
async def list_users(auth: Auth, request: Request[None, UsersQuery]) -> Page[AccountView]:
    query = request.query
    before = decode_cursor(query.cursor, tuple[Id])
    email = normalized(query.email) if query.email else None
    users = await repository.list_users(auth.db, before[0] if before else None, email, query.limit + 1)
    return page_of([account_view(user) for user in users], query.limit, lambda user: (user.id,))


@routes.get("/auth/users/{user_id:uuid}", answer=AccountView, who=READ_USERS, summary="One account")
async def show_user(auth: Auth, request: Request) -> AccountView:
    user = await repository.find_user(auth.db, request.path["user_id"])
    if user is None:
        raise NoSuchUser
    return account_view(user)


@routes.put(
    "/auth/users/{user_id:uuid}/roles",
    body=RolesBody,
    answer=AccountView,
    who=may(powers.ASSIGN),
    versioned=True,
    summary="Set somebody's roles; their sessions end if that changes them",
)
async def set_roles(auth: Auth, request: Request[RolesBody]) -> Answer:
    user = await manage_users.set_roles(
        auth, _caller(request), request.path["user_id"], request.body.roles, request.if_match
    )
    return Answer(200, account_view(user), {ENDED_USER: user.id})


@routes.post(
    "/auth/users/{user_id:uuid}/disable",
    answer=AccountView,
    who=DISABLE,
    versioned=True,
    summary="Keep somebody from signing in, and end their sessions",
)
async def disable_user(auth: Auth, request: Request) -> Answer:
    user = await manage_users.disable(auth, _caller(request), request.path["user_id"], request.if_match)
    return Answer(200, account_view(user), {ENDED_USER: user.id})


@routes.post(
    "/auth/users/{user_id:uuid}/enable",
    answer=AccountView,
    who=DISABLE,
    versioned=True,
    summary="Let somebody sign in again",
)
async def enable_user(auth: Auth, request: Request) -> AccountView:
    return account_view(await manage_users.enable(auth, _caller(request), request.path["user_id"], request.if_match))


@routes.delete(
    "/auth/users/{user_id:uuid}",
    body=Why,
    who=may(powers.DELETE),
    versioned=True,
    summary="Delete somebody's account, for good",
)
async def delete_user(auth: Auth, request: Request[Why]) -> Answer:
    """Orders stay, as the law requires; profile, addresses, wishlist and mails go within seconds."""
    user_id = request.path["user_id"].lower()
    await delete_account.delete_other(auth, _caller(request), user_id, request.body.reason, if_match=request.if_match)
    return Answer(204, headers={ENDED_USER: user_id})


@routes.post(
    "/auth/me/delete",
    body=OwnDeletion,
    raises=(WrongPassword, NoSuchUser, LastAdmin),
    who=SIGNED_IN,
    idempotent=UNKEPT,
    summary="Delete your account, for good",
)
async def delete_me(auth: Auth, request: Request[OwnDeletion]) -> Answer:
    """Orders stay, as the law requires; profile, addresses, wishlist and mails go within seconds."""
    sent = request.body
    await delete_account.delete_own(auth, _caller(request), password=sent.current_password, client=request.client)
    return Answer(204, headers={ENDED_USER: request.user_id})


@routes.get(
    "/auth/users/{user_id:uuid}/acts",
    query=PageQuery,
    answer=Page[StaffAct],
    who=READ_USERS,
    summary="What staff and operators did to an account, the newest first",
)
async def list_acts(auth: Auth, request: Request[None, PageQuery]) -> Page[StaffAct]:
    """Nothing for an id that nobody has: what was done outlives the account."""
    query = request.query
    before = decode_cursor(query.cursor, tuple[ActId])
    acts = await staff_acts.list_acts(
        auth.db,
        subject=request.path["user_id"],
        before_id=before[0] if before else None,
        limit=query.limit + 1,
    )
    return page_of(acts, query.limit, lambda act: (act.id,))


@routes.get("/auth/permissions", answer=Page[PermissionView], who=READ_USERS, summary="What a role may allow, by name")
async def list_permissions(auth: Auth, request: Request) -> Page[PermissionView]:  # noqa: ARG001
    """Of all installed services, so one page."""
    return Page([permission_view(auth.permissions.by_name[name]) for name in sorted(auth.permissions.by_name)])


@routes.get("/auth/roles", query=PageQuery, answer=Page[RoleView], who=READ_USERS, summary="All roles, by name")
async def list_roles(auth: Auth, request: Request[None, PageQuery]) -> Page[RoleView]:
    query = request.query
    after = decode_cursor(query.cursor, tuple[RoleName])
    found = await roles_repository.list_roles(auth.db, after[0] if after else None, query.limit + 1)
    return page_of([role_view(role) for role in found], query.limit, lambda role: (role.name,))


@routes.get("/auth/roles/{name}", answer=RoleView, who=READ_USERS, summary="One role")
async def show_role(auth: Auth, request: Request) -> RoleView:
    role = await roles_repository.find_role(auth.db, request.path["name"])
    if role is None:
        raise NoSuchRole
    return role_view(role)


@routes.post("/auth/roles", body=NewRole, answer=RoleView, status=201, who=EDIT_ROLES, summary="Make a role")
async def make_role(auth: Auth, request: Request[NewRole]) -> RoleView:
    new = request.body
    return role_view(await add_role(auth, _caller(request), new.name, new.description, new.permissions))


@routes.put(
    "/auth/roles/{name}",
    body=RoleBody,
    answer=RoleView,
    who=EDIT_ROLES,
    versioned=True,
    summary="Set what a role allows",
)
async def put_role(auth: Auth, request: Request[RoleBody]) -> RoleView:
    """In force within a second: who has the role gets 401 `expired-token` then, and new tokens by the refresh token."""
    sent, name = request.body, request.path["name"]
    changed = await replace_role(
        auth, _caller(request), name, sent.description, sent.permissions, if_match=request.if_match
    )
    return role_view(changed)


@routes.delete("/auth/roles/{name}", who=EDIT_ROLES, versioned=True, summary="Remove a role that nobody has")
async def delete_role(auth: Auth, request: Request) -> None:
    await remove_role(auth, _caller(request), request.path["name"], request.if_match)


@routes.get(
    "/auth/sellers", query=PageQuery, answer=Page[SellerView], who=READ_SELLERS, summary="Sellers, newest first"
)
async def list_sellers(auth: Auth, request: Request[None, PageQuery]) -> Page[SellerView]:
    query = request.query
    before = decode_cursor(query.cursor, tuple[Id])
    found = await sellers_repository.list_sellers(auth.db, before[0] if before else None, query.limit + 1)
    return page_of([seller_view(seller) for seller in found], query.limit, lambda seller: (seller.id,))


@routes.post(
    "/auth/sellers", body=NewSeller, answer=SellerView, status=201, who=EDIT_SELLERS, summary="Make a seller's account"
)
async def make_seller(auth: Auth, request: Request[NewSeller]) -> SellerView:
    """Nobody acts for it yet, and it sells nothing before somebody does."""
    return seller_view(await manage_sellers.add_seller(auth, request.body.name))


@routes.get("/auth/sellers/{seller_id:uuid}", answer=SellerView, who=OWNER, summary="A seller that you act for")
async def show_seller(auth: Auth, request: Request) -> SellerView:
    return seller_view(await _seller(auth, request))


@routes.post(
    "/auth/sellers/{seller_id:uuid}/block",
    body=Why,
    answer=SellerView,
    who=BLOCK_SELLERS,
    versioned=True,
    summary="Let a seller sell nothing",
)
async def block_seller(auth: Auth, request: Request[Why]) -> SellerView:
    seller_id = request.path["seller_id"]
    return seller_view(
        await manage_sellers.set_blocked(auth, seller_id, request.body.reason, request.if_match, blocked=True)
    )


@routes.post(
    "/auth/sellers/{seller_id:uuid}/unblock",
    body=Why,
    answer=SellerView,
    who=BLOCK_SELLERS,
    versioned=True,
    summary="Let a blocked seller sell again",
)
async def unblock_seller(auth: Auth, request: Request[Why]) -> SellerView:
    seller_id = request.path["seller_id"]
    return seller_view(
        await manage_sellers.set_blocked(auth, seller_id, request.body.reason, request.if_match, blocked=False)
    )


@routes.get(
    "/auth/sellers/{seller_id:uuid}/members",
    query=PageQuery,
    answer=Page[MemberView],
    raises=(NotTheirManager,),
    who=OWNER,
    summary="Who acts for a seller that you act for",
)
async def list_members(auth: Auth, request: Request[None, PageQuery]) -> Page[MemberView]:
    query, seller = request.query, await _seller(auth, request)
    after = decode_cursor(query.cursor, tuple[Id])
    found = await sellers_repository.list_members(auth.db, seller.id, after[0] if after else None, query.limit + 1)
    return page_of([member_view(member) for member in found], query.limit, lambda member: (member.user_id,))


@routes.get(
    "/auth/sellers/{seller_id:uuid}/members/{user_id:uuid}",
    answer=MemberView,
    who=OWNER,
    summary="One who acts for a seller that you act for",
)
async def show_member(auth: Auth, request: Request) -> MemberView:
    seller = await _seller(auth, request)
    member = await sellers_repository.find_member(auth.db, request.path["user_id"], seller.id)
    if member is None:
        raise NoSuchMember
    return member_view(member)


@routes.put(
    "/auth/sellers/{seller_id:uuid}/members/{user_id:uuid}",
    body=MemberBody,
    answer=MemberView,
    who=EDIT_SELLERS,
    versioned=True,
    summary="Let somebody act for a seller; their sessions end if that changes them",
)
async def put_member(auth: Auth, request: Request[MemberBody]) -> Answer:
    seller_id, user_id = request.path["seller_id"].lower(), request.path["user_id"].lower()
    member = await manage_sellers.set_member(
        auth, _caller(request), seller_id, user_id, request.body.role, if_match=request.if_match
    )
    return Answer(200, member_view(member), {ENDED_USER: user_id})


@routes.delete(
    "/auth/sellers/{seller_id:uuid}/members/{user_id:uuid}",
    raises=(NotTheirManager,),
    who=OWNER,
    versioned=True,
    summary="Let somebody act for a seller no more: its managers' to do, and one's own",
)
async def delete_member(auth: Auth, request: Request) -> Answer:
    seller_id, user_id = request.path["seller_id"].lower(), request.path["user_id"].lower()
    await manage_sellers.remove_member(auth, _caller(request), seller_id, user_id, if_match=request.if_match)
    return Answer(204, headers={ENDED_USER: user_id})


async def _seller(auth: Auth, request: Request[object, object]) -> Seller:
    """The seller, for who acts for it or may see all. Raises `NoSuchSeller`."""
    caller, seller_id = _caller(request), request.path["seller_id"].lower()
    seller = await sellers_repository.find_seller(auth.db, seller_id)
    if seller is None:
        raise NoSuchSeller
    if not caller.may(powers.READ_SELLERS) and seller_id not in await sellers_repository.sellers_of(
        auth.db, caller.user_id
    ):
        raise NoSuchSeller
    return seller


def _caller(request: Request[object, object]) -> Principal:
    assert request.principal is not None  # the routes that ask are for signed-in users
    return request.principal
