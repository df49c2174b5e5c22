"""The routes by which the fields of an entity are defined: every service's are the same."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from stoa.kit.custom_fields import repository
from stoa.kit.custom_fields.define import add_field, change_field, remove_field
from stoa.kit.custom_fields.definition import CustomField, CustomFieldBody, Entity, NewCustomField
from stoa.kit.custom_fields.errors import NoSuchField
from stoa.kit.db import Database
from stoa.kit.http.routes import PUBLIC, Handler, Request, Routes, Who
from stoa.kit.http.types import Page


class Target(Protocol):
    """What a service's routes are bound to."""

    @property
    def db(self) -> Database: ...


S = TypeVar("S", bound=Target)


def add_routes(routes: Routes[S], entity: Entity, define: Who, sees: Who) -> None:
    """`/custom-fields/<entity>`. Who may `define` changes them; who `sees` what is not public of a thing, and whoever
    defines, is shown all of them, everybody else the public ones."""
    own: Routes[S] = Routes(routes.service, about={"name": "The field's name, as values are kept under it"})
    kind, path = entity.name.replace("_", " "), f"/custom-fields/{entity.name.replace('_', '-')}"
    one, a_kind = f"{path}/{{name}}", f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"

    def may_see(field: CustomField, request: Request[Any, Any]) -> bool:
        return field.public or sees.admits(request.principal) or define.admits(request.principal)

    async def list_fields(target: S, request: Request) -> Page[CustomField]:
        known = await repository.definitions(target.db, entity)
        return Page([field for _, field in known.values() if may_see(field, request)])

    async def show_field(target: S, request: Request) -> CustomField:
        known = await repository.definitions(target.db, entity)
        _, field = known.get(request.path["name"], (0, None))
        if field is None or not may_see(field, request):
            raise NoSuchField
        return field

    async def make_field(target: S, request: Request[NewCustomField]) -> CustomField:
        return await add_field(target.db, entity, request.body)

    async def set_field(target: S, request: Request[CustomFieldBody]) -> CustomField:
        """Its type stays, and whether it is filtered by. What no longer fits stays until it is written again."""
        return await change_field(target.db, entity, request.path["name"], request.body, request.if_match)

    async def delete_field(target: S, request: Request) -> None:
        """Nobody sees its values any more, also when a field of this name is made again."""
        await remove_field(target.db, entity, request.path["name"], request.if_match)

    def named(handler: Handler, verb: str, things: str) -> Handler:
        handler.__name__ = f"{verb}_{entity.name}_{things}"
        return handler

    own.get(path, answer=Page[CustomField], who=PUBLIC, summary=f"The custom fields of {a_kind}, by name")(
        named(list_fields, "list", "fields")
    )
    own.get(one, answer=CustomField, who=PUBLIC, summary=f"One custom field of {a_kind}")(
        named(show_field, "show", "field")
    )
    own.post(
        path,
        body=NewCustomField,
        answer=CustomField,
        status=201,
        who=define,
        summary=f"Define a custom field of {a_kind}",
    )(named(make_field, "make", "field"))
    own.put(
        one,
        body=CustomFieldBody,
        answer=CustomField,
        who=define,
        versioned=True,
        summary=f"Set what a custom field of {a_kind} allows",
    )(named(set_field, "set", "field"))
    own.delete(one, who=define, versioned=True, summary=f"Take a custom field of {a_kind} away")(
        named(delete_field, "delete", "field")
    )
    routes.include(own)
