"""The public API of accounts and sessions.

Requests with a password and answers with tokens are never kept for a repeat (`UNKEPT`): what a repeat does
is said where the act is. Signing in and out needs nobody to be known (`PUBLIC`).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit import problems, staff_acts
from stoa.kit.emails import normalized
from stoa.kit.http.edge import ENDED_SESSIONS, ENDED_USER
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import OWN, PUBLIC, SIGNED_IN, UNKEPT, Answer, Request, Routes, may
from stoa.kit.http.types import Email, Id, Page, PageQuery
from stoa.kit.staff_acts import StaffAct
from stoa.kit.tokens import SessionEnded
from stoa.services.auth import (
    delete_account,
    groups_routes,
    manage_users,
    powers,
    repository,
    roles_routes,
    sellers_routes,
)
from stoa.services.auth import register as registering
from stoa.services.auth.bodies import (
    Credentials,
    LogoutBody,
    NewAccount,
    OwnDeletion,
    PasswordChange,
    RefreshBody,
    RolesBody,
    TokenBody,
    Why,
)
from stoa.services.auth.change_password import change_password
from stoa.services.auth.check_session import TokenState, validate
from stoa.services.auth.errors import (
    AccountDisabled,
    InvalidRefreshToken,
    LastAdmin,
    NoSuchUser,
    ProveAddress,
    RefreshedMeanwhile,
    WrongCredentials,
    WrongPassword,
)
from stoa.services.auth.login import login
from stoa.services.auth.logout import logout
from stoa.services.auth.refresh import refresh
from stoa.services.auth.service import Auth
from stoa.services.auth.views import (
    AccountView,
    SignedIn,
    UserView,
    account_view,
    user_view,
)

routes: Routes[Auth] = Routes("auth", about={"user_id": "The account's id"})

READ_USERS = may(powers.READ_USERS)
DISABLE = may(powers.DISABLE)
NO_STORE = {"cache-control": "no-store"}
"""RFC 6749 §5.1: nothing on the way keeps an answer with tokens."""

ActId = Annotated[int, Meta(ge=1, lt=2**53)]


class UsersQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """email: only the account of this e-mail address"""

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
        auth, request.caller, current=sent.current_password, new=sent.new_password, client=request.client
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
    before = decode_key(query.cursor, tuple[Id])
    email = normalized(query.email) if query.email else None
    users = await repository.list_users(auth.db, before, email, query.limit + 1)
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
        auth, request.caller, request.path["user_id"], request.body.roles, request.if_match
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
    user = await manage_users.disable(auth, request.caller, request.path["user_id"], request.if_match)
    return Answer(200, account_view(user), {ENDED_USER: user.id})


@routes.post(
    "/auth/users/{user_id:uuid}/enable",
    answer=AccountView,
    who=DISABLE,
    versioned=True,
    summary="Let somebody sign in again",
)
async def enable_user(auth: Auth, request: Request) -> AccountView:
    return account_view(await manage_users.enable(auth, request.caller, request.path["user_id"], request.if_match))


@routes.delete(
    "/auth/users/{user_id:uuid}",
    body=Why,
    who=may(powers.DELETE),
    versioned=True,
    summary="Delete somebody's account, for good",
)
async def delete_user(auth: Auth, request: Request[Why]) -> Answer:
    """Orders stay, as the law requires; profile, addresses, wishlist and mails go within seconds."""
    user_id = request.path["user_id"]
    await delete_account.delete_other(auth, request.caller, user_id, request.body.reason, if_match=request.if_match)
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
    await delete_account.delete_own(auth, request.caller, password=sent.current_password, client=request.client)
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
    before = decode_key(query.cursor, tuple[ActId])
    acts = await staff_acts.list_acts(
        auth.db,
        subject=request.path["user_id"],
        before_id=before,
        limit=query.limit + 1,
    )
    return page_of(acts, query.limit, lambda act: (act.id,))


routes.include(roles_routes.routes)
routes.include(sellers_routes.routes)
routes.include(groups_routes.routes)
