"""One JSON object a line, with the ids that join what belongs together and without secrets."""

from __future__ import annotations

import io
import logging
import sys

import msgspec
import pytest
from tests.signing import token

from stoa.kit import context
from stoa.kit.context import Principal
from stoa.kit.telemetry.logs import Json, Readable, configure

SERVICES = {"stoa.services.order": "order", "stoa.services.cart": "cart", "acme.stoa.gifts": "giftwrap"}


@pytest.fixture
def record():
    def make(message: str, *arguments: object, name: str = "stoa.services.order.cancel_order", **extra: object):
        return logging.getLogger(name).makeRecord(
            name, logging.INFO, __file__, 1, message, arguments, None, extra=extra
        )

    return make


def test_a_record_has_the_ids_of_its_request(record):
    principal = Principal("ada", "ada@example.com", frozenset(), "s")
    with context.using(context.fresh(request_id="r-1", principal=principal)) as now:
        line = Json("shop", SERVICES).format(record("order %s canceled", "S-1", order_id="o1", amount=5))
    document = msgspec.json.decode(line)
    assert "\n" not in line
    assert document.pop("time").endswith("Z")
    assert document == {
        "level": "info",
        "service": "order",
        "process": "shop",
        "logger": "stoa.services.order.cancel_order",
        "message": "order S-1 canceled",
        "trace_id": now.trace_id,
        "span_id": now.span_id,
        "request_id": "r-1",
        "user_id": "ada",
        "order_id": "o1",
        "amount": 5,
    }


@pytest.mark.parametrize(
    ("logger", "service"),
    [
        ("stoa.services.cart", "cart"),
        ("acme.stoa.gifts.handlers", "giftwrap"),
        ("acme.stoa.gifts2", "shop"),
        ("acme", "shop"),
        ("root", "shop"),
    ],
)
def test_a_package_of_ours_or_not_is_a_services(record, logger: str, service: str):
    assert msgspec.json.decode(Json("shop", SERVICES).format(record("up", name=logger)))["service"] == service


def test_what_is_of_no_service_is_of_the_process(record):
    assert (
        msgspec.json.decode(Json("shop", SERVICES).format(record("up", name="stoa.runtime.process")))["service"]
        == "shop"
    )
    assert (
        msgspec.json.decode(Json("shop", SERVICES).format(record("up", name="stoa.kit.relay", service="cart")))[
            "service"
        ]
        == "cart"
    )


def test_secrets_never_leave(record):
    secret = token()
    line = Json("shop", SERVICES).format(
        record(
            "asked with Bearer %s at postgresql://stoa:hunter2@db/stoa",
            secret,
            password="hunter2",
            refresh_token="hunter2",
            note=f"got {secret}",
            card_number="4242",
        )
    )
    assert "hunter2" not in line
    assert secret not in line
    assert "4242" not in line
    assert "postgresql://[hidden]@db/stoa" in line
    assert "hunter2" not in Readable("shop", SERVICES, color=False).format(record("x", password="hunter2"))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "DETAIL:  Key (bought_cart_id, round)=(01a1fec4-8095, 1) already exists.",
            "DETAIL:  Key (bought_cart_id, round)=([hidden]) already exists.",
        ),
        (
            'Key (lower(email))=(ada (x)@example.com) already exists.\nKey (a)=(b) is not present in table "c".',
            'Key (lower(email))=([hidden]) already exists.\nKey (a)=([hidden]) is not present in table "c".',
        ),
        ("DETAIL:  Failing row contains (1, ada@example.com, (null)).", "DETAIL:  Failing row contains ([hidden])."),
    ],
)
def test_what_the_database_refused_is_hidden(record, said, shown):
    assert msgspec.json.decode(Json("shop", SERVICES).format(record(said)))["message"] == shown


def test_a_traceback_stays_in_its_line(record):
    try:
        raise RuntimeError("at postgresql://stoa:hunter2@db")
    except RuntimeError:
        made = record("it failed")
        made.exc_info = sys.exc_info()
    line = Json("shop", SERVICES).format(made)
    assert "\n" not in line
    assert "RuntimeError" in msgspec.json.decode(line)["traceback"]
    assert "hunter2" not in line


def test_what_json_does_not_know_is_shown_as_python_does(record):
    assert msgspec.json.decode(Json("shop", SERVICES).format(record("x", what=OSError(2))))["what"] == "OSError(2)"


def test_for_people(record):
    line = Readable("shop", SERVICES, color=False).format(record("order canceled", order_id="o1"))
    assert line.split(" ", 1)[1] == "info     order        order canceled  order_id=o1"


def test_configure_writes_to_the_stream_at_the_level(record):
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    try:
        configure("shop", SERVICES, level="WARNING", stream=stream)
        logging.getLogger("stoa.services.cart").info("not this")
        logging.getLogger("stoa.services.cart").warning("but this")
        logging.getLogger("uvicorn.error").warning("and this")
    finally:
        root.handlers[:], root.level = before
    lines = [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]
    assert [(line["service"], line["message"]) for line in lines] == [("cart", "but this"), ("shop", "and this")]
