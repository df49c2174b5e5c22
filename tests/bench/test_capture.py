"""PostgreSQL's log read back as transactions."""

from __future__ import annotations

from bench import capture
from bench.capture import Statement, Transaction
from bench.one_database import Namespace

LOG = """\
@bench|stoa_order|11|stoa_order/aa@ LOG:  statement: BEGIN
@bench|stoa_cart|12|stoa_cart/bb@ LOG:  execute __asyncpg_stmt_1__: SELECT id
\tFROM carts WHERE id = $1
@bench|stoa_cart|12|stoa_cart/bb@ DETAIL:  Parameters: $1 = 'it''s @ one', $2 = NULL
@bench|stoa_order|11|stoa_order/aa@ LOG:  execute __asyncpg_stmt_2__: UPDATE orders SET a = $1
@bench|stoa_order|11|stoa_order/aa@ DETAIL:  Parameters: $1 = '1'
@bench|stoa_order|11|stoa_order/aa@ LOG:  execute __asyncpg_stmt_3__: SELECT * FROM pg_catalog.pg_type WHERE oid = $1
@bench|stoa_order|11|stoa_order/aa@ DETAIL:  Parameters: $1 = '99'
@bench|stoa_order|13|psql@ LOG:  statement: SELECT 'somebody else'
@bench|stoa_order|14|stoa_order/cc@ LOG:  statement: BEGIN
@bench|stoa_order|14|stoa_order/cc@ LOG:  execute __asyncpg_stmt_2__: UPDATE orders SET a = 0
@bench|stoa_order|14|stoa_order/cc@ LOG:  statement: ROLLBACK
@bench|stoa_order|11|stoa_order/aa@ LOG:  statement: COMMIT
@bench|stoa_order|11|stoa_order/aa@ LOG:  execute __asyncpg_stmt_4__: SELECT 1
@bench|stoa_order|11|stoa_order/aa@ LOG:  statement: BEGIN; SET LOCAL lock_timeout = '250ms'
@bench|stoa_order|11|stoa_order/aa@ LOG:  execute __asyncpg_stmt_4__: SELECT 1
@bench|stoa_order|11|stoa_order/aa@ LOG:  statement: COMMIT
"""


def test_what_committed_is_read_in_the_order_in_which_it_began():
    assert capture.read(LOG) == [
        Transaction("stoa_order", (Statement("UPDATE orders SET a = $1", ("1",)),), begin="BEGIN"),
        Transaction("stoa_cart", (Statement("SELECT id\nFROM carts WHERE id = $1", ("it's @ one", None)),)),
        Transaction("stoa_order", (Statement("SELECT 1"),)),
        Transaction("stoa_order", (Statement("SELECT 1"),), begin="BEGIN; SET LOCAL lock_timeout = '250ms'"),
    ]


def test_own_tables_and_functions_get_their_schema_and_nothing_else_does():
    namespace = Namespace(
        {"stoa_order": frozenset({"orders", "checkouts", "payments"})}, {"stoa_order": frozenset({"named"})}
    )
    sql = """
        WITH payments AS (SELECT id FROM checkouts WHERE orders.id = 1)
        UPDATE orders SET checkouts = 1 FROM payments JOIN simulator.orders USING (id)
        WHERE orders.id = ANY (SELECT named(id) FROM orders FOR UPDATE OF orders)
    """
    assert (
        namespace.qualified("stoa_order", sql)
        == """
        WITH payments AS (SELECT id FROM stoa_order.checkouts WHERE orders.id = 1)
        UPDATE stoa_order.orders SET checkouts = 1 FROM payments JOIN simulator.orders USING (id)
        WHERE orders.id = ANY (SELECT stoa_order.named(id) FROM stoa_order.orders FOR UPDATE OF orders)
    """
    )
