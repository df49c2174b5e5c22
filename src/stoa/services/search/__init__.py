"""Search: what can be found in the shop, by whom ever, and what was looked for.

It owns a document for each product that is for sale, how popular it is, synonyms, rules for queries, and the report of
searches. What always holds:

* a document is catalog's product as of a version, where its category stands, and which of its SKUs can be bought; it
  never goes back to an older version of any of them, however late or often it is told;
* a line of an order counts once for how popular its product is, and no more than is left of it;
* documents have revisions, and their order is that of the commits: an index that has a revision has all before it;
* each process that answers has a whole index of its own, knows what that has, and does not answer while it may be
  behind by more than it says;
* an index is a copy: lost, damaged or of another database it is made anew from the documents, which a backup has;
* nobody who searches waits for another service.

docs/services/search.md has the ways that a change takes, and the reasons.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.contracts.search.v1.search_pb2_grpc import add_SearchServiceServicer_to_server
from stoa.kit.crash_points import NOWHERE, Reach
from stoa.kit.db import Database
from stoa.kit.service import Parts, Resources
from stoa.ports.search import OpenIndex, SearchIndex
from stoa.services.search import figures
from stoa.services.search.feed import feed
from stoa.services.search.following import Following
from stoa.services.search.handlers import batch_handler, handlers
from stoa.services.search.index import embedded
from stoa.services.search.jobs import jobs
from stoa.services.search.routes import routes
from stoa.services.search.rpc import SearchServicer
from stoa.services.search.searches import Searches
from stoa.services.search.service import Neighbors, Search
from stoa.services.search.settings import Settings
from stoa.services.search.worker import Worker


def search_over(
    db: Database,
    settings: Settings,
    neighbors: Neighbors,
    open_index: Callable[[], Awaitable[SearchIndex]],
    reach: Reach = NOWHERE,
) -> Search:
    """The service over its database; `open_index` opens this process's own."""
    following = Following(db, open_index, most_behind_seconds=settings.most_behind_seconds, reach=reach)
    return Search(
        db=db,
        settings=settings,
        neighbors=neighbors,
        feeding=Worker(partial(feed, db, neighbors, following)),
        following=following,
        searches=Searches(db, settings.searches_a_day),
    )


def build(resources: Resources) -> Parts:
    """The service over what its process gives it."""
    settings = resources.settings(Settings)
    own: dict[str, Callable[[], OpenIndex]] = {"tantivy": lambda: embedded.open_index}
    open_index = resources.provider("search", own, settings.index, "index")
    neighbors = Neighbors(
        CatalogServiceStub(resources.channel("catalog")), InventoryServiceStub(resources.channel("inventory"))
    )
    search = search_over(
        resources.db,
        settings,
        neighbors,
        partial(open_index, resources.cache / "index", settings.locales),
        resources.reach,
    )
    heard = batch_handler(search.feeding.wake)
    return Parts(
        routes=routes.bind(search),
        servicers=[partial(add_SearchServiceServicer_to_server, SearchServicer(search))],
        handlers=handlers(heard),
        batch_handler=heard,
        jobs=jobs(search),
        stop=search.stop,
        check=search.following.check,
        check_own=search.following.check_own,
        measure=partial(figures.measure, search),
    )
