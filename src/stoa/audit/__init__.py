"""Checks the nine invariants of the platform over all services' databases, on a live system or a still one.

    1  stock         never oversold; what is on hand is the sum of its movements
    2  reservations  every reservation ends committed, released or expired
    3  payments      every captured payment has exactly one order, or a full refund; the ledger sums to zero
    4  orders        exactly one order per idempotency key, one payment per order and attempt
    5  events        every event reached every subscriber, and had its effect once
    6  totals        an order's parts add up to its total, and its total is what was captured
    7  search        what is found is what is sold, and as in stock what can be bought
    8  media         the bytes of every file are there, whole, and nobody else's
    9  promotions    no campaign is used beyond its limits, and an order has off what was counted for it

One file per invariant; `look` has how they read, a piece at a time. The audit is the operator's tool: it
reads each database with its service's own role, which no service can do, and it changes nothing. Databases
are not read at one moment, so work in flight looks like a fault for a while: only what is found again in
every look counts (`audit`).
"""
