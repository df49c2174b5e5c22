"""The real retailer's lines become products, invoices and returns; the rest is counted by reason."""

from datetime import datetime
from pathlib import Path

import pytest

from stoa.retail.history import Row, UnreadableHistory, digest, rows_of

AT = datetime(2010, 12, 1, 8, 26)  # noqa: DTZ001 - the history is in local time


def row(invoice="536365", code="85123A", description="HEART HOLDER", quantity=6, price=2.55, customer=17850) -> Row:
    return Row(invoice, code, description, quantity, AT, price, customer, "United Kingdom")


def test_a_product_takes_its_most_frequent_description_and_its_median_price():
    history = digest([row(price=2.55), row(price=2.95), row(price=5.0, description="?"), row(price=2.55)])
    product = history.products["85123A"]
    assert (product.name, product.price_minor, product.sold) == ("HEART HOLDER", 275, 24)


def test_lines_of_one_code_on_one_invoice_are_one_line():
    history = digest([row(quantity=6), row(quantity=2), row(code="71053", quantity=1)])
    assert [invoice.lines for invoice in history.invoices] == [{"85123A": 8, "71053": 1}]


def test_a_credit_note_is_a_return_of_positive_units():
    history = digest([row(), row(invoice="C536379", quantity=-1)])
    assert [(note.number, note.customer, note.lines) for note in history.returns] == [("C536379", 17850, {"85123A": 1})]
    assert len(history.invoices) == 1


def test_what_cannot_be_sold_is_counted_and_named():
    history = digest(
        [
            row(),
            row(code="POST"),
            row(code="BANK CHARGES"),
            row(price=0.0),
            row(code="22222", description="damaged", price=0.0, quantity=-5),
            row(code="33333", description=""),
            row(quantity=-3),
        ]
    )
    assert dict(history.skipped) == {"not goods": 2, "no price": 2, "no description": 1, "write-off": 1}
    assert history.examples["not goods"] == ["POST", "BANK CHARGES"]
    assert set(history.products) == {"85123A"}


def test_a_guest_is_nobodys_customer():
    history = digest([row(customer=None)])
    assert history.customers == {}
    assert history.invoices[0].customer is None


@pytest.mark.parametrize(("content", "says"), [(None, "is not there"), (b"InvoiceNo,StockCode", "not a Parquet file")])
def test_a_file_that_is_no_history_is_refused_in_one_line(tmp_path: Path, content: bytes | None, says: str):
    path = tmp_path / "sales.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableHistory, match=says):
        rows_of(path)
