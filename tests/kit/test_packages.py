"""Packages from outside: what joins, and why one does not, in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stoa.app import OURS
from stoa.kit import packages
from stoa.kit.packages import BadPackage, joined
from stoa.kit.service import Service

Install = Callable[[str], None]

IMPORTS = "from stoa.kit.permissions import Permission\nfrom stoa.kit.service import Service"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a package beside Stoa whose service is made by this expression."""

    def put(service: str) -> None:
        (tmp_path / "stoa_lace.py").write_text(f"{IMPORTS}\nSERVICE = {service}\n")
        facts = tmp_path / "lace-1.2.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: lace\nVersion: 1.2\n")
        (facts / "entry_points.txt").write_text("[stoa.services]\nlace = stoa_lace:SERVICE\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "stoa_lace", raising=False)

    return put


def test_a_service_joins(install: Install) -> None:
    assert joined(OURS) == []
    install("Service(name='lace', paths=('GET /laces',), calls=('order',), beside='order', package='stoa_lace', api=1)")
    assert joined(OURS) == [
        Service(name="lace", paths=("GET /laces",), calls=("order",), beside="order", package="stoa_lace", api=1)
    ]
    assert packages.told() == ["lace 1.2 (stoa.services: lace)"]


@pytest.mark.parametrize(
    ("service", "wrong"),
    [
        ("1 / 0", "lace 1.2 cannot be loaded: stoa_lace:SERVICE: ZeroDivisionError: division by zero"),
        ("Service", "lace 1.2: stoa_lace:SERVICE is no Service"),
        ("Service(name='order', beside='auth', api=1)", "lace 1.2: there is a service order already"),
        ("Service(name='gateway', beside='auth', api=1)", "lace 1.2: 'gateway' cannot be the name of a service"),
        ("Service(name='my_lace', beside='auth', api=1)", "lace 1.2: 'my_lace' cannot be the name of a service"),
        ("Service(name='lace', api=1)", "lace 1.2: service lace does not say beside whom it runs"),
        (
            "Service(name='lace', beside='auth')",
            "lace 1.2: it is written for version None of stoa.kit.api, and this Stoa has 1",
        ),
        (
            "Service(name='lace', beside='auth', api=2)",
            "lace 1.2: it is written for version 2 of stoa.kit.api, and this Stoa has 1",
        ),
        (
            "Service(name='lace', beside='auth', api=1, paths=('POST GET /products/{id}',))",
            "lace 1.2: GET /products/{id} is answered by catalog",
        ),
        (
            "Service(name='lace', beside='auth', api=1, announces=('order.placed',))",
            "lace 1.2: order.placed is announced by order",
        ),
        (
            "Service(name='lace', beside='auth', api=1, permissions=(Permission('order.orders.read', 'See orders'),))",
            "lace 1.2: lace declares order.orders.read, which does not begin with its own name",
        ),
        (
            "Service(name='lace', beside='auth', api=1, permissions=(Permission('lace.laces.edit', 'Edit'),) * 2)",
            "lace 1.2: lace declares lace.laces.edit twice",
        ),
        (
            "Service(name='lace', beside='auth', api=1, store=None, announces=('lace.tied', 'lace.cut'))",
            "service lace has no store, and announces lace.tied, lace.cut",
        ),
        (
            "Service(name='lace', beside='auth', api=1, store=None, follows=('product-views',))",
            "service lace has no store, and follows product-views",
        ),
        (
            "Service(name='lace', beside='auth', api=1, calls=('weaver',))",
            "service lace needs weaver, and there is no such service",
        ),
        ("Service(name='lace', beside='weaver', api=1)", "service lace needs weaver, and there is no such service"),
        (
            "Service(name='lace', beside='auth', api=1, sign_ins=('/laces',))",
            "lace 1.2 cannot be loaded: stoa_lace:SERVICE: ValueError: POST /laces is not among the paths of lace",
        ),
    ],
)
def test_why_one_does_not_join(install: Install, service: str, wrong: str) -> None:
    install(service)
    with pytest.raises(BadPackage) as refused:
        joined(OURS)
    assert str(refused.value) == wrong
