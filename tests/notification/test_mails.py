"""Mails read well, and what customers typed stays text."""

import re

import pytest

from stoa.kit.settings import BadSetting
from stoa.services.notification.examples import EXAMPLES, Template
from stoa.services.notification.mails import Mails, money

HOSTILE = "Robert'); <script>alert(1)</script> {{ 7*7 }} & co"


def gbp(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "GBP"}


VALUES = {
    Template.WELCOME: {"first_name": HOSTILE},
    Template.ADDRESS_PROOF: {"code": HOSTILE},
    Template.ACCOUNT_EXISTS: {},
    Template.ORDER_CONFIRMATION: {
        "number": "S-100001",
        "items": [
            {"name": HOSTILE, "sku": "MUG", "quantity": 2, "unit_price": gbp(1999)},
            {"name": "Spoon", "sku": "SPOON", "quantity": 1, "unit_price": gbp(123456)},
        ],
        "said": {"SPOON": {"engraving": HOSTILE, "gift": True, "motifs": ["oak", "owl"]}},
        "promises": {
            "MUG": {"kind": "ships_by", "on": "2026-12-05"},
            "SPOON": {"kind": "preorder_from", "on": "2027-01-31"},
        },
        "subtotal": gbp(127454),
        "discount": gbp(454),
        "shipping": gbp(495),
        "tax": gbp(25499),
        "tax_included": False,
        "total": gbp(152994),
    },
    Template.ORDER_CANCELED: {"number": "S-100001", "reason": HOSTILE, "total": gbp(152994), "refund": gbp(9990)},
    Template.ORDER_ITEMS_CANCELED: {
        "number": "S-100001",
        "items": [{"name": HOSTILE, "sku": "MUG", "quantity": 1}],
        "reason": HOSTILE,
        "refund": gbp(2399),
    },
    Template.ORDER_SHIPPED: {
        "number": "S-100001",
        "carrier": HOSTILE,
        "tracking_number": HOSTILE,
        "tracking_url": "https://track.example.com/?of=1&by=2",
        "items": [{"name": HOSTILE, "sku": "MUG", "quantity": 1}],
        "complete": False,
    },
    Template.ORDER_DELIVERED: {
        "number": "S-100001",
        "items": [{"name": HOSTILE, "sku": "MUG", "quantity": 1}],
        "complete": True,
    },
    Template.RETURN_REQUESTED: {"number": "S-100001", "items": [{"sku": HOSTILE, "quantity": 1}]},
    Template.RETURN_APPROVED: {"number": "S-100001", "items": [{"sku": HOSTILE, "quantity": 1}]},
    Template.RETURN_REFUSED: {"number": "S-100001", "items": [{"sku": "MUG", "quantity": 1}], "reason": HOSTILE},
    Template.ORDER_RETURNED: {
        "number": "S-100001",
        "items": [{"sku": HOSTILE, "quantity": 1}],
        "refund": gbp(2399),
    },
    Template.REFUND_ISSUED: {"number": "S-100001", "amount": gbp(2399)},
    Template.LOW_STOCK: {"sku": HOSTILE, "available": 4, "low_stock_at": 5},
    Template.BACK_IN_STOCK: {"sku": "MUG", "name": HOSTILE, "token": HOSTILE},
}
SUBJECTS = {
    Template.WELCOME: "Welcome to Stoa",
    Template.ADDRESS_PROOF: "Your code for Stoa",
    Template.ACCOUNT_EXISTS: "You have an account at Stoa",
    Template.ORDER_CONFIRMATION: "Your order S-100001",
    Template.ORDER_CANCELED: "Your order S-100001 is canceled",
    Template.ORDER_ITEMS_CANCELED: "A part of your order S-100001 is canceled",
    Template.ORDER_SHIPPED: "A part of your order S-100001 is on its way",
    Template.ORDER_DELIVERED: "Your order S-100001 has arrived",
    Template.RETURN_REQUESTED: "Your request to return from order S-100001",
    Template.RETURN_APPROVED: "You may return from order S-100001",
    Template.RETURN_REFUSED: "Your request to return from order S-100001 is refused",
    Template.ORDER_RETURNED: "Your return for order S-100001",
    Template.REFUND_ISSUED: "Your refund for order S-100001",
    Template.LOW_STOCK: "Little is left in stock",
    Template.BACK_IN_STOCK: "What you waited for is back",
}


@pytest.mark.parametrize("template", list(Template))
def test_each_template(template):
    mail = Mails("Stoa").render(template, VALUES[template])
    assert mail.subject == SUBJECTS[template]
    assert f">{mail.subject}</h1>" in mail.html
    assert "<script>" not in mail.html
    typed = HOSTILE in str(VALUES[template])
    assert ("{{ 7*7 }}" in mail.text, "{{ 7*7 }}" in mail.html) == (typed, typed)
    assert mail.text.endswith("\nStoa\n")


@pytest.mark.parametrize(
    ("template", "values", "said"),
    [
        (Template.ORDER_CANCELED, {"reason": "x", "total": gbp(24000), "refund": gbp(19000)}, "say how much it is"),
        (Template.ORDER_CANCELED, {"reason": "x", "total": gbp(24000), "refund": None}, "say how much it is"),
        (Template.ORDER_CANCELED, {"reason": "x", "total": gbp(24000), "refund": gbp(0)}, "nothing left to refund"),
        (Template.ORDER_ITEMS_CANCELED, {"items": [], "reason": "", "refund": gbp(900)}, "say how much it is"),
        (Template.ORDER_ITEMS_CANCELED, {"items": [], "reason": "", "refund": gbp(0)}, "nothing left to refund"),
        (Template.ORDER_RETURNED, {"items": [], "refund": gbp(19000)}, "say how much it is"),
        (Template.ORDER_RETURNED, {"items": [], "refund": gbp(0)}, "nothing left to refund"),
    ],
)
def test_how_much_goes_back_is_said_when_it_does(template, values, said):
    """Only payment knows, and it is decided later: staff may give back by hand meanwhile."""
    mail = Mails("Stoa").render(template, {"number": "S-100001", **values})
    for body in (mail.text, mail.html):
        assert said in " ".join(body.split())
        assert "£" not in body


def test_a_parcel_in_full():
    told = {
        "number": "S-100001",
        "carrier": "Royal Mail",
        "tracking_number": "RM1",
        "tracking_url": "https://track.example.com/RM1",
        "items": [{"name": "Mug", "sku": "MUG", "quantity": 2}, {"name": "Spoon", "sku": "SPOON", "quantity": 1}],
        "complete": False,
    }
    assert (
        Mails("Stoa").render(Template.ORDER_SHIPPED, told).text
        == """A part of your order S-100001 is on its way.

  2 × Mug
  1 × Spoon

  Carrier: Royal Mail
  Tracking number: RM1
  https://track.example.com/RM1

We write again when the rest leaves.

Stoa
"""
    )
    whole = told | {"tracking_url": None, "complete": True}
    assert (
        Mails("Stoa").render(Template.ORDER_SHIPPED, whole).text
        == """Your order S-100001 is on its way.

  2 × Mug
  1 × Spoon

  Carrier: Royal Mail
  Tracking number: RM1

Stoa
"""
    )
    assert (
        Mails("Stoa").render(Template.ORDER_DELIVERED, told).text
        == """A part of your order S-100001 was delivered. We hope that you like it.

  2 × Mug
  1 × Spoon

If something is not as it should be, you can return it from your orders.

Stoa
"""
    )


def test_the_confirmation_in_full():
    mail = Mails("Stoa").render(Template.ORDER_CONFIRMATION, VALUES[Template.ORDER_CONFIRMATION])
    assert (
        mail.text
        == f"""Thank you for your order S-100001. It is paid, and we are getting it ready.

  2 × {HOSTILE}: £39.98
    Sent by 5 December 2026
  1 × Spoon: £1,234.56
    engraving: {HOSTILE}
    gift: yes
    motifs: oak, owl
    Pre-ordered: sent from 31 January 2027

  Subtotal: £1,274.54
  Discount: -£4.54
  Shipping: £4.95
  Tax: £254.99
  Total: £1,529.94

We write again when it is on its way.

Stoa
"""
    )


def test_what_comes_later_says_so_in_html_too():
    html = Mails("Stoa").render(Template.ORDER_CONFIRMATION, VALUES[Template.ORDER_CONFIRMATION]).html
    told = ["Sent by 5 December 2026", "Pre-ordered: sent from 31 January 2027"]
    assert [html.count(f'<br><span style="color:#666">{each}</span>') for each in told] == [1, 1]


def test_what_a_template_needs_must_be_there():
    with pytest.raises(RuntimeError, match="undefined"):
        Mails("Stoa").render(Template.WELCOME, {})


def test_a_shop_name_with_a_line_break_is_no_header():
    mail = Mails("Stoa\r\nBcc: everybody@example.com").render(Template.WELCOME, {"first_name": "Ada"})
    assert mail.subject == "Welcome to Stoa"


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (123456, "GBP", "£1,234.56"),
        (-5, "EUR", "-€0.05"),
        (100, "USD", "$1.00"),
        (1234, "JPY", "1,234 JPY"),
        (5, "KWD", "0.005 KWD"),
    ],
)
def test_money(amount, currency, written):
    assert money({"amount": amount, "currency": currency}) == written


def test_the_shops_own_template_goes_before_ours(tmp_path):
    (tmp_path / "order_shipped.txt").write_text("{{ number }} left {{ shop_name }}\nby {{ carrier }}\n")
    mail = Mails("Acme", tmp_path).render(Template.ORDER_SHIPPED, EXAMPLES[Template.ORDER_SHIPPED])
    assert (mail.subject, mail.text) == ("S-100001 left Acme", "by Royal Mail\n")
    assert "<p>" in mail.html
    other = Mails("Acme", tmp_path).render(Template.ORDER_DELIVERED, EXAMPLES[Template.ORDER_DELIVERED])
    assert other == Mails("Acme").render(Template.ORDER_DELIVERED, EXAMPLES[Template.ORDER_DELIVERED])


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("order_shiped.txt", "Hello", "is no template of ours: order_shipped.txt?"),
        ("README", "Hello", "is no template of ours"),
        ("welcome.txt", "Hello {% if %}", "cannot be used: syntax error: unexpected end of block (in welcome.txt:1)"),
        ("welcome.txt", "{{ first_name | shout }}", "cannot be used: unknown filter: filter shout is unknown"),
        ("welcome.txt", "{{ nick }}", "cannot be used: undefined value"),
        (
            "welcome.txt",
            "{% if first_name == 'Bob' %}{{ nick }}{% endif %}",
            "cannot be used: it asks for nick, and there is first_name",
        ),
        ("welcome.txt", b"\xff", "cannot be read: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_at_once(tmp_path, name, text, says):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadSetting, match=re.escape(f"{tmp_path / name} {says}")):
        Mails("Acme", tmp_path)


def test_each_mail_has_an_example_and_a_pair_of_templates():
    assert set(EXAMPLES) == set(Template)
    assert VALUES.keys() == EXAMPLES.keys()
    assert {template: set(values) for template, values in VALUES.items()} == {
        template: set(values) for template, values in EXAMPLES.items()
    }


def test_with_tax_in_the_prices_the_mail_says_how_much_of_the_total_it_is():
    values = VALUES[Template.ORDER_CONFIRMATION]
    beside = Mails("Stoa").render(Template.ORDER_CONFIRMATION, values)
    within = Mails("Stoa").render(Template.ORDER_CONFIRMATION, values | {"tax_included": True})
    for before, after in ((beside.text, within.text), (beside.html, within.html)):
        assert "Of which tax" not in before
        assert after.index("Of which tax") > after.index("Shipping")
        assert ">Tax<" not in after
        assert "  Tax: " not in after
