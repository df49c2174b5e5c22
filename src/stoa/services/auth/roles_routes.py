"""The public API of roles and of the permissions that they are made of."""

from __future__ import annotations

from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import Page, PageQuery
from stoa.services.auth import powers, roles_repository
from stoa.services.auth.bodies import NewRole, RoleBody
from stoa.services.auth.errors import NoSuchRole
from stoa.services.auth.manage_roles import add_role, remove_role, replace_role
from stoa.services.auth.roles import RoleName
from stoa.services.auth.service import Auth
from stoa.services.auth.views import PermissionView, RoleView, permission_view, role_view

routes: Routes[Auth] = Routes("auth", about={"name": "The role's name"})

READ_USERS = may(powers.READ_USERS)
EDIT_ROLES = may(powers.EDIT_ROLES)


@routes.get("/auth/permissions", answer=Page[PermissionView], who=READ_USERS, summary="What a role may allow, by name")
async def list_permissions(auth: Auth, request: Request) -> Page[PermissionView]:  # noqa: ARG001
    """Of all installed services, so one page."""
    return Page([permission_view(auth.permissions.by_name[name]) for name in sorted(auth.permissions.by_name)])


@routes.get("/auth/roles", query=PageQuery, answer=Page[RoleView], who=READ_USERS, summary="All roles, by name")
async def list_roles(auth: Auth, request: Request[None, PageQuery]) -> Page[RoleView]:
    query = request.query
    after = decode_key(query.cursor, tuple[RoleName])
    found = await roles_repository.list_roles(auth.db, after, query.limit + 1)
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
    return role_view(await add_role(auth, request.caller, new.name, new.description, new.permissions))


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
        auth, request.caller, name, sent.description, sent.permissions, if_match=request.if_match
    )
    return role_view(changed)


@routes.delete("/auth/roles/{name}", who=EDIT_ROLES, versioned=True, summary="Remove a role that nobody has")
async def delete_role(auth: Auth, request: Request) -> None:
    await remove_role(auth, request.caller, request.path["name"], request.if_match)
