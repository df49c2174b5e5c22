"""Reads invoice lines into products, customers, invoices and returns; what cannot be sold is counted by reason.

Pure but for opening the file. The rules, in the order in which they are asked of a line:

* `not goods`: the code is a fee, a discount, postage or a voucher, not a stock code;
* `no description`: nobody ever wrote what the code is, so there is nothing to show;
* `no price`: the line has none, or the code never had one (a stock note such as "damaged");
* `write-off`: less than zero and not on a credit note;
* a credit note (`C…`) becomes a return, any other line is a sale.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

# Five digits and what tells variants apart, or the retailer's own gift range. Letters come in both cases.
GOODS = re.compile(r"(\d{5}[A-Z]{0,2}|DCGS\w+)")

COLUMNS = {"InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"}

CURRENCY = "GBP"


class UnreadableHistory(Exception):
    """The file is not a sales history; the message says in one line what is wrong with it."""


@dataclass(frozen=True)
class Row:
    """One line of the file."""

    invoice: str
    code: str
    description: str
    quantity: int
    at: datetime
    price: float
    customer: int | None
    country: str


@dataclass(frozen=True)
class HistoricProduct:
    """`price_minor` is the median over all sales; `sold` the units that left in the whole history."""

    sku: str
    name: str
    price_minor: int
    sold: int


@dataclass(frozen=True)
class Invoice:
    """What one customer (None: a guest) took at once: units by SKU."""

    number: str
    customer: int | None
    country: str
    at: datetime
    lines: dict[str, int]


@dataclass(frozen=True)
class History:
    """Everything in the order in which it happened. `skipped` counts lines by reason, `examples` names some."""

    products: dict[str, HistoricProduct]
    customers: dict[int, str]
    invoices: list[Invoice]
    returns: list[Invoice]
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)


def read(path: Path) -> History:
    """The history in a Parquet file. Raises `UnreadableHistory`."""
    return digest(rows_of(path))


def rows_of(path: Path) -> list[Row]:
    """The file's lines, in its order."""
    import pyarrow  # noqa: PLC0415 - half a second to import, and only this command needs it
    import pyarrow.parquet  # noqa: PLC0415

    try:
        table = pyarrow.parquet.read_table(path)
    except FileNotFoundError:
        raise UnreadableHistory(f"{path} is not there") from None
    except (OSError, pyarrow.ArrowException):
        raise UnreadableHistory(f"{path} is not a Parquet file") from None
    missing = COLUMNS - set(table.column_names)
    if missing:
        raise UnreadableHistory(f"{path} lacks the columns {', '.join(sorted(missing))}")
    columns = {name: table.column(name).to_pylist() for name in COLUMNS}
    return [
        Row(invoice, code.strip().upper(), (description or "").strip(), quantity, at, price or 0.0, customer, country)
        for invoice, code, description, quantity, at, price, customer, country in zip(
            columns["InvoiceNo"],
            columns["StockCode"],
            columns["Description"],
            columns["Quantity"],
            columns["InvoiceDate"],
            columns["UnitPrice"],
            columns["CustomerID"],
            columns["Country"],
            strict=True,
        )
    ]


def digest(rows: list[Row]) -> History:
    """Sort the lines into what can be sold and what cannot."""
    names, prices, sold = _what_the_codes_are(rows)
    history = History({}, {}, [], [])
    sales: dict[str, Invoice] = {}
    returns: dict[str, Invoice] = {}
    for row in rows:
        reason = _why_not(row, names, prices)
        if reason:
            history.skipped[reason] += 1
            examples = history.examples.setdefault(reason, [])
            if row.code not in examples and len(examples) < 8:
                examples.append(row.code)
            continue
        credit = row.invoice.startswith("C")
        invoice = (returns if credit else sales).setdefault(
            row.invoice, Invoice(row.invoice, row.customer, row.country, row.at, {})
        )
        invoice.lines[row.code] = invoice.lines.get(row.code, 0) + abs(row.quantity)
        if row.customer is not None:
            history.customers.setdefault(row.customer, row.country)
    history.products.update(
        {
            code: HistoricProduct(code, names[code], _median_minor(prices[code]), sold[code])
            for code in sorted(names.keys() & prices.keys())
        }
    )
    history.invoices.extend(sorted(sales.values(), key=lambda invoice: (invoice.at, invoice.number)))
    history.returns.extend(sorted(returns.values(), key=lambda invoice: (invoice.at, invoice.number)))
    return history


def _what_the_codes_are(rows: list[Row]) -> tuple[dict[str, str], dict[str, list[float]], Counter[str]]:
    """The most frequent description, the prices asked and the units sold, by code of goods."""
    described: dict[str, Counter[str]] = defaultdict(Counter)
    prices: dict[str, list[float]] = defaultdict(list)
    sold: Counter[str] = Counter()
    for row in rows:
        if not GOODS.fullmatch(row.code) or row.price <= 0:
            continue
        prices[row.code].append(row.price)
        if row.description:
            described[row.code][row.description] += 1
        if row.quantity > 0:
            sold[row.code] += row.quantity
    # Among equally frequent descriptions the longest says most; then the alphabet, so that a repeat agrees.
    names = {code: max(counts, key=lambda text: (counts[text], len(text), text)) for code, counts in described.items()}
    return names, prices, sold


def _why_not(row: Row, names: dict[str, str], prices: dict[str, list[float]]) -> str | None:
    if not GOODS.fullmatch(row.code):
        return "not goods"
    if row.code in prices and row.code not in names:
        return "no description"
    if row.price <= 0 or row.code not in prices:
        return "no price"
    if row.quantity <= 0 and not row.invoice.startswith("C"):
        return "write-off"
    return None


def _median_minor(prices: list[float]) -> int:
    """The median in pence, half a penny upwards and never nothing."""
    middle = Decimal(str(statistics.median(prices))) * 100
    return max(1, int(middle.quantize(Decimal(1), ROUND_HALF_UP)))
