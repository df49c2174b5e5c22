"""The public API of sellers and who acts for them."""

from __future__ import annotations

from stoa.kit.http.edge import ENDED_USER
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import OWNER, Answer, Request, Routes, may
from stoa.kit.http.types import Id, Page, PageQuery
from stoa.services.auth import manage_sellers, powers, sellers_repository
from stoa.services.auth.bodies import MemberBody, NewSeller, Why
from stoa.services.auth.errors import NoSuchMember, NoSuchSeller, NotTheirManager
from stoa.services.auth.sellers_repository import Seller
from stoa.services.auth.service import Auth
from stoa.services.auth.views import MemberView, SellerView, member_view, seller_view

routes: Routes[Auth] = Routes("auth", about={"seller_id": "The seller's id"})

READ_SELLERS = may(powers.READ_SELLERS)
EDIT_SELLERS = may(powers.EDIT_SELLERS)
BLOCK_SELLERS = may(powers.BLOCK_SELLERS)


@routes.get(
    "/auth/sellers", query=PageQuery, answer=Page[SellerView], who=READ_SELLERS, summary="Sellers, newest first"
)
async def list_sellers(auth: Auth, request: Request[None, PageQuery]) -> Page[SellerView]:
    query = request.query
    before = decode_key(query.cursor, tuple[Id])
    found = await sellers_repository.list_sellers(auth.db, before, query.limit + 1)
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
    after = decode_key(query.cursor, tuple[Id])
    found = await sellers_repository.list_members(auth.db, seller.id, after, query.limit + 1)
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
    seller_id, user_id = request.path["seller_id"], request.path["user_id"]
    member = await manage_sellers.set_member(
        auth, request.caller, seller_id, user_id, request.body.role, if_match=request.if_match
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
    seller_id, user_id = request.path["seller_id"], request.path["user_id"]
    await manage_sellers.remove_member(auth, request.caller, seller_id, user_id, if_match=request.if_match)
    return Answer(204, headers={ENDED_USER: user_id})


async def _seller(auth: Auth, request: Request[object, object]) -> Seller:
    """The seller, for who acts for it or may see all. Raises `NoSuchSeller`."""
    caller, seller_id = request.caller, request.path["seller_id"]
    seller = await sellers_repository.find_seller(auth.db, seller_id)
    if seller is None:
        raise NoSuchSeller
    if not caller.may(powers.READ_SELLERS) and seller_id not in await sellers_repository.sellers_of(
        auth.db, caller.user_id
    ):
        raise NoSuchSeller
    return seller
