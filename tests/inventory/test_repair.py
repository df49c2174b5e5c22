"""Repair: what was spoiled on purpose is set right beside a shop that sells, and nothing else is touched."""

from __future__ import annotations

import asyncio

from inventory.conftest import ADMIN

from stoa.cli.console import Console
from stoa.cli.repair import repair as repair_command
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub, add_InventoryServiceServicer_to_server
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.http.preconditions import ANYTHING
from stoa.kit.ids import uuid7
from stoa.services.inventory import repair_repository
from stoa.services.inventory.allocation.place import Place
from stoa.services.inventory.receipt import Order
from stoa.services.inventory.receipts import expect_goods, receive_goods
from stoa.services.inventory.repair_stock import repair_stock
from stoa.services.inventory.rpc import InventoryServicer
from stoa.services.inventory.transfer import Draft
from stoa.services.inventory.transfers import draft_transfer, receive_transfer, send_transfer
from stoa.services.inventory.warehouses import add_warehouse


async def repair(shop, *, dry_run=False):
    return await repair_stock(shop.db, shop.inventory.outbox, "", dry_run=dry_run)


def said(counters):
    return [one[:5] for one in counters]


def seen(wrong):
    """Of rows that were read: on hand beside what was moved, and reserved beside what is promised."""
    return [(one.sku, one.warehouse_id, (one.on_hand, one.moved), (one.reserved, one.promised)) for one in wrong]


async def test_what_is_wrong_is_said_and_set_right(shop):
    await add_warehouse(shop.inventory, "Annex", Place("annex", 50))
    for sku in ("CUP", "MUG", "PAN"):
        await shop.put(sku, 10)
        await shop.put(sku, 6, "annex")
    await shop.reserve("k", MUG=7, PAN=2)
    await shop.db.execute("UPDATE stock SET on_hand = 4 WHERE sku = 'CUP' AND warehouse_id = 'main'")
    await shop.db.execute("UPDATE stock SET reserved = reserved - 1 WHERE sku = 'MUG'")
    wrong = [
        ("CUP", "main", "on_hand", 4, 10),
        ("MUG", "annex", "reserved", 5, 6),
        ("MUG", "main", "reserved", 0, 1),
    ]
    before = await shop.db.fetch("SELECT * FROM stock ORDER BY sku, warehouse_id")
    dry = await repair(shop, dry_run=True)
    assert (said(dry.mended), dry.unmended, dry.busy) == (wrong, [], [])
    assert await shop.db.fetch("SELECT * FROM stock ORDER BY sku, warehouse_id") == before
    done = await repair(shop)
    assert (said(done.mended), done.unmended, done.busy) == (wrong, [], [])
    await shop.assert_sound()
    assert await shop.db.fetchval("SELECT version FROM stock WHERE sku = 'PAN' AND warehouse_id = 'main'") == 1
    acts = await shop.db.fetch("SELECT actor, subject, before, after FROM staff_acts WHERE act = 'stock.repaired'")
    assert tuple(acts[0]) == (
        "operator",
        "CUP",
        {"warehouse": "main", "on_hand": 4},
        {"warehouse": "main", "on_hand": 10},
    )
    assert len(acts) == 3
    assert not any((await repair(shop))[:3]), "a second time there is nothing to do"


async def test_what_was_thought_sold_out_is_announced(shop):
    await shop.put("MUG", 10)
    await shop.db.execute("UPDATE stock SET on_hand = 0 WHERE sku = 'MUG'")
    await repair(shop)
    version = await shop.db.fetchval("SELECT version FROM stock WHERE sku = 'MUG'")
    assert (await shop.announced())[-1] == ("inventory.back_in_stock", "MUG", version, 10)


async def test_what_is_to_come_is_counted_by_its_documents(shop):
    """Where it is noted on no stock at all, too."""
    await add_warehouse(shop.inventory, "Annex", Place("annex", 50))
    await shop.put("MUG", 10)
    await expect_goods(shop.inventory, Order("Potters & Co", "main", {"MUG": 5, "PAN": 2}))
    sent = await draft_transfer(shop.inventory, Draft("main", "annex", {"MUG": 4}))
    await send_transfer(shop.inventory, sent.id, user_id=None, if_match=ANYTHING)
    await shop.db.execute("UPDATE stock SET incoming = 1 WHERE sku = 'MUG' AND warehouse_id = 'main'")
    await shop.db.execute("DELETE FROM stock WHERE sku = 'MUG' AND warehouse_id = 'annex'")
    await shop.db.execute("UPDATE stock SET incoming = 3 WHERE sku = 'PAN'")
    wrong = [
        ("MUG", "annex", "incoming", 0, 4),
        ("MUG", "main", "incoming", 1, 5),
        ("PAN", "main", "incoming", 3, 2),
    ]
    assert said((await repair(shop, dry_run=True)).mended) == wrong
    assert said((await repair(shop)).mended) == wrong
    await shop.assert_sound()
    assert not any((await repair(shop))[:3])


async def test_what_is_owed_is_counted_by_its_backorders_and_then_filled(shop):
    """What was thought owed kept others from buying; what was not thought owed is given what is there."""
    await shop.backorder("MUG", 3)
    await shop.db.execute("UPDATE items SET backordered = 3 WHERE sku = 'MUG'")
    await shop.backorder("PAN", 5)
    await shop.reserve("waits", PAN=4)
    async with shop.db.transaction() as tx:
        # As if two had come while nobody was thought to wait for more than one.
        await tx.execute("UPDATE items SET backordered = 1 WHERE sku = 'PAN'")
        await tx.execute(
            "INSERT INTO stock_movements (sku, warehouse_id, kind, quantity) VALUES ('PAN', 'main', 'receipt', 2)"
        )
    wrong = [("MUG", "", "backordered", 3, 0), ("PAN", "", "backordered", 1, 4), ("PAN", "main", "on_hand", 0, 2)]
    assert said((await repair(shop)).mended) == wrong
    assert await shop.backorders("PAN") == [(4, 2, "open")]
    assert (await shop.stock("PAN"), await shop.to_promise("MUG")) == ((2, 2), 3)
    version = await shop.db.fetchval(
        "SELECT items.version + stock.version FROM items JOIN stock USING (sku) WHERE sku = 'MUG'"
    )
    assert (await shop.announced())[-1] == ("inventory.back_in_stock", "MUG", version, 3)
    await shop.assert_sound()


async def test_what_nobody_can_say_is_left_and_named(shop):
    """More is promised than was ever there: somebody must look."""
    await shop.put("MUG", 10)
    await shop.reserve("k", MUG=6)
    async with shop.db.transaction() as tx:
        await tx.execute("UPDATE stock SET on_hand = 20")
        await tx.execute("UPDATE reservation_lines SET quantity = 12")
    done = await repair(shop)
    assert (done.mended, done.busy) == ([], [])
    assert said(done.unmended) == [("MUG", "main", "on_hand", 20, 10), ("MUG", "main", "reserved", 6, 12)]
    assert await shop.stock("MUG") == (20, 6)


async def test_a_row_that_changed_meanwhile_is_looked_at_again(shop, monkeypatch):
    await shop.put("MUG", 10)
    await shop.db.execute("UPDATE stock SET on_hand = 8")
    found = repair_repository.wrong_of
    looks = []

    async def sells_after_the_look(db, skus):
        wrong = await found(db, skus)
        looks.append(seen(wrong))
        if len(looks) == 1:
            await shop.reserve("meanwhile", MUG=3)
        return wrong

    monkeypatch.setattr(repair_repository, "wrong_of", sells_after_the_look)
    done = await repair(shop)
    assert looks == [[("MUG", "main", (8, 10), (0, 0))], [("MUG", "main", (8, 10), (3, 3))]]
    assert said(done.mended) == [("MUG", "main", "on_hand", 8, 10)]
    assert await shop.stock("MUG") == (10, 3)
    await shop.assert_sound()


async def test_beside_a_shop_that_sells(shop, twin):
    skus = [f"S{at}" for at in range(12)]
    for sku in skus:
        await shop.put(sku, 100)
    await shop.db.execute("UPDATE stock SET on_hand = on_hand - 5 WHERE sku < 'S5'")
    shops = [shop, twin()]

    async def buyer(number):
        one, order = shops[number % 2], uuid7()
        lines = dict.fromkeys(skus[number % 6 : number % 6 + 6], 1)
        await one.promise(f"k{number}", order, **lines)
        items = [{"sku": sku, "quantity": 1} for sku in lines]
        await one.hear("order.placed", order_id=order, reservation_key=f"k{number}", items=items)

    *_, done = await asyncio.gather(*(buyer(number) for number in range(40)), repair(twin()))
    left = await repair(shop)
    mended = [*done.mended, *left.mended]
    assert sorted(one.sku for one in mended) == sorted(sku for sku in skus if sku < "S5")
    assert {(one.counter, one.right - one.was) for one in mended} == {("on_hand", 5)}
    assert not any((await repair(shop))[:3])
    await shop.assert_sound()


async def test_beside_goods_that_move(shop, twin):
    """Sent, unpacked, owed and given, while every counter is wrong and set right."""
    await add_warehouse(shop.inventory, "Annex", Place("annex", 50))
    skus = [f"S{at}" for at in range(8)]
    for sku in skus:
        await shop.put(sku, 100)
        await shop.put(sku, 10, "annex")
        await shop.reserve(f"of-{sku}", **{sku: 40})
    await shop.backorder("OWED", 50)
    await shop.reserve("owed", OWED=20)
    drafts = [await draft_transfer(shop.inventory, Draft("main", "annex", {sku: 3})) for sku in skus]
    receipts = [
        await expect_goods(shop.inventory, Order("P", "main", dict.fromkeys(some, 4)))
        for some in ([*skus, "OWED"], ["OWED", *skus[::-1]])
    ]
    # Fewer than there are, so that nothing is sent or promised that is not there.
    await shop.db.execute("UPDATE stock SET on_hand = on_hand - 5 WHERE on_hand = 100")
    await shop.db.execute("UPDATE stock SET incoming = incoming + 9")
    await shop.db.execute("UPDATE items SET backordered = 1 WHERE sku = 'OWED'")
    shops = [shop, twin()]

    async def carrier(one, transfer):
        sent = await send_transfer(one.inventory, transfer.id, user_id=None, if_match=ANYTHING)
        await receive_transfer(one.inventory, sent.id, {transfer.lines[0].sku: 1}, user_id=ADMIN, if_match=ANYTHING)

    async def unpack(one, receipt):
        for units in (1, 2):
            lines = dict.fromkeys([*skus, "OWED"], units)
            await receive_goods(one.inventory, receipt.id, lines, over=False, user_id=ADMIN, if_match=ANYTHING)

    async def mend():
        for _ in range(4):
            await repair(twin())

    carrying = (carrier(shops[at % 2], transfer) for at, transfer in enumerate(drafts))
    unpacking = (unpack(one, receipt) for one, receipt in zip(shops, receipts, strict=True))
    answers = await asyncio.gather(mend(), *carrying, *unpacking, return_exceptions=True)
    assert answers == [None] * len(answers)
    await repair(shop)
    assert not any((await repair(shop))[:3])
    await shop.assert_sound()
    for sku in skus:
        there = await shop.db.fetchval("SELECT sum(on_hand) FROM stock WHERE sku = $1", sku)
        away = await shop.db.fetchval("SELECT coalesce(sum(on_the_way), 0) FROM transfer_lines WHERE sku = $1", sku)
        assert (there, away) == (110 + 6 - 2, 2)
        assert await shop.db.fetchval("SELECT sum(incoming) FROM stock WHERE sku = $1", sku) == 2 + away
    assert await shop.stock("OWED") == (6, 6)
    assert await shop.backorders("OWED") == [(20, 6, "open")]


async def test_the_command_says_what_it_changed(shop, capsys):
    registry = Registry()
    add_InventoryServiceServicer_to_server(InventoryServicer(shop.inventory), registry)
    stub = InventoryServiceStub(InProcessChannel(registry))

    async def command(*, dry_run=False):
        status = await repair_command(stub, Console(), dry_run=dry_run)
        first, *said = capsys.readouterr().out.splitlines()
        assert first.startswith("✓ 1/1  Stock")
        return status, said

    await shop.put("MUG", 10)
    await shop.put("PAN", 3)
    await shop.reserve("k", PAN=3)
    assert await command() == (0, ["Every counter is right: nothing to repair."])
    await shop.db.execute("UPDATE stock SET on_hand = 8 WHERE sku = 'MUG'")
    mug = "MUG in main: on hand 8 → 10"
    assert await command(dry_run=True) == (0, [f"{mug}, would be set right"])
    assert await command() == (0, [f"{mug}, set right"])
    await shop.db.execute("UPDATE reservation_lines SET quantity = 4")
    pan = "PAN in main: reserved 3 → 4, left as it is: more is promised than its movements sum to"
    assert await command() == (1, [f"{pan}; count the shelf"])
    assert await shop.stock("PAN") == (3, 3)
    await shop.db.execute("UPDATE reservation_lines SET quantity = 3")
    await shop.backorder("MUG", 2)
    await shop.reserve("owed", MUG=12)
    await shop.db.execute("UPDATE stock SET on_hand = 11, reserved = 9, incoming = 7 WHERE sku = 'MUG'")
    await shop.db.execute("UPDATE items SET backordered = 1 WHERE sku = 'MUG'")
    assert await command() == (
        0,
        [
            "MUG: backordered 1 → 2, set right",
            "MUG in main: incoming 7 → 0, on hand 11 → 10, reserved 9 → 10, set right",
        ],
    )
    async with shop.db.transaction() as tx:
        await tx.execute("UPDATE items SET backordered = 1, backorder_limit = 1 WHERE sku = 'MUG'")
    assert await command() == (
        1,
        ["MUG: backordered 1 → 2, left as it is: more is owed than its limit; set the limit of its policy"],
    )
    await shop.backorder("MUG", 2)
    assert await command() == (0, ["MUG: backordered 1 → 2, set right"])
    await shop.assert_sound()
