"""The same order as one transaction of one database: what a program could do that is one piece, at its best.

Nothing of ours is in it. The tables are written by hand, with the keys and references that a shop needs and
no index more; an order is a claim of its key, the cart's lines with today's prices, the stock, the order
with its line and its history, the payment and its two bookings, the movement of stock, the mail and the
event that tells others. All of it is durable with one commit. So it has what our customer gets, and nothing
of what makes services independent: no saga, no second copy of a fact, no message that may come twice. It
has no HTTP and no rules either. The rows are about as long as ours.
"""

from __future__ import annotations

import json

from bench import baskets, goods
from bench.pgbench import Load, Result, expect, run
from bench.shop import Shop

NAME = "monolith"
PLACED = "SELECT count(*) FROM events JOIN orders ON orders.id = events.order_id JOIN mails USING (order_id)"

SCHEMA = """
    CREATE TABLE products (sku text PRIMARY KEY, name text NOT NULL, price_minor bigint NOT NULL);
    CREATE TABLE stock (
        sku text PRIMARY KEY REFERENCES products, on_hand bigint NOT NULL CHECK (on_hand >= 0)
    ) WITH (fillfactor = 50);
    CREATE TABLE cart_items (
        cart_id bigint NOT NULL, sku text NOT NULL REFERENCES products, quantity bigint NOT NULL,
        PRIMARY KEY (cart_id, sku)
    );
    CREATE TABLE orders (
        id bigint PRIMARY KEY, key text NOT NULL UNIQUE, email text NOT NULL, status text NOT NULL,
        total_minor bigint NOT NULL, address jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE order_lines (
        order_id bigint REFERENCES orders, sku text REFERENCES products, name text NOT NULL,
        price_minor bigint NOT NULL, quantity bigint NOT NULL, PRIMARY KEY (order_id, sku)
    );
    CREATE TABLE order_history (
        order_id bigint REFERENCES orders, status text, changed_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (order_id, status)
    );
    CREATE TABLE payments (
        id bigint PRIMARY KEY, order_id bigint NOT NULL UNIQUE REFERENCES orders, state text NOT NULL,
        amount_minor bigint NOT NULL, reference text NOT NULL
    );
    CREATE TABLE ledger (
        id bigserial PRIMARY KEY, payment_id bigint NOT NULL REFERENCES payments, account text NOT NULL,
        amount_minor bigint NOT NULL
    );
    CREATE INDEX ledger_of_payment ON ledger (payment_id);
    CREATE TABLE stock_movements (
        id bigserial PRIMARY KEY, sku text NOT NULL, order_id bigint NOT NULL REFERENCES orders,
        quantity bigint NOT NULL
    );
    CREATE INDEX stock_movements_of ON stock_movements (sku, id);
    CREATE TABLE mails (
        order_id bigint PRIMARY KEY REFERENCES orders, recipient text NOT NULL, subject text NOT NULL,
        body text NOT NULL
    );
    CREATE TABLE events (id bigserial PRIMARY KEY, order_id bigint NOT NULL, type text NOT NULL, data jsonb NOT NULL);
"""

FILL = """
    INSERT INTO products SELECT 'BENCH-' || n, 'Beech bowl no. ' || n, 1999 FROM generate_series($1::int, $2::int) AS n
"""
STOCK = "INSERT INTO stock SELECT sku, 1000000000 FROM products"

# Ids count up for each client, as time-ordered ids do.
_NUMBERS = f"""\\set n :n + 1
\\set k (:run * 1000 + :client_id) * 1000000 + :n
\\set sku {goods.FIRST} + (:k * 7919) % {goods.PRODUCTS}
"""
CART = _NUMBERS + "INSERT INTO cart_items VALUES (:k, 'BENCH-' || :sku::text, 1);\n"  # noqa: S608 - numbers of ours
_ORDER = """BEGIN;
SELECT sku, quantity, name, price_minor FROM cart_items JOIN products USING (sku) WHERE cart_id = :k;
UPDATE stock SET on_hand = on_hand - 1 WHERE sku = 'BENCH-' || :sku::text AND on_hand >= 1;
INSERT INTO orders VALUES (:k, 'key-' || :k::text, :email, 'confirmed', 2498, :address::text::jsonb);
INSERT INTO order_lines VALUES (:k, 'BENCH-' || :sku::text, 'Beech bowl no. ' || :sku::text, 1999, 1);
INSERT INTO order_history VALUES (:k, 'pending'), (:k, 'confirmed');
INSERT INTO payments VALUES (:k, :k, 'captured', 2498, 'reference-' || :k::text);
INSERT INTO ledger (payment_id, account, amount_minor) VALUES (:k, 'customer_funds', -2498), (:k, 'captured', 2498);
INSERT INTO stock_movements (sku, order_id, quantity) VALUES ('BENCH-' || :sku::text, :k, -1);
INSERT INTO mails VALUES (:k, :email, 'Your order ' || :k::text, :mail);
INSERT INTO events (order_id, type, data) VALUES (:k, 'order.placed', :address::text::jsonb);
DELETE FROM cart_items WHERE cart_id = :k;
COMMIT;
"""
ORDER = _NUMBERS + _ORDER
STATEMENTS = _ORDER.count(";\n")
CONSTANTS = {
    "email": "ada@example.com",
    "address": json.dumps(baskets.ADDRESS).replace(": ", ":"),
    "mail": goods.DESCRIPTION * 3,
}


class Monolith:
    """The tables in a database of their own on the shop's server, and pgbench that orders there."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._runs = 0

    async def make(self) -> None:
        server = await self._shop.look("postgres")
        await server.execute(f"CREATE DATABASE {NAME}")
        database = await self._shop.look(NAME)
        await database.execute(SCHEMA)
        await database.execute(FILL, goods.FIRST, goods.FIRST + goods.PRODUCTS - 1)
        await database.execute(STOCK)
        await database.execute("ANALYZE")

    async def orders(self, *, clients: int, each: int) -> Result:
        """Every client places `each` orders, one after another. The carts are filled before. Raises `PgbenchFailed`."""
        self._runs += 1
        counter = {"n": "0", "run": str(self._runs)}
        database = await self._shop.look(NAME)
        await run(self._shop, NAME, CART, Load(clients, each), counter)
        before = await database.fetchval(PLACED)
        result = await run(self._shop, NAME, ORDER, Load(clients, each), counter | CONSTANTS)
        expect(clients * each, await database.fetchval(PLACED) - before)
        return result
