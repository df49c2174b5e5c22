"""The page: well-formed tables, honest verdicts. Nothing here is timed."""

from __future__ import annotations

from dataclasses import replace

from bench import plot, report
from bench.catalog import Act, Catalog, Import
from bench.events import Case, Effects
from bench.flash import Flash, Sale, Waits
from bench.hot_sku import HotSku
from bench.limit import Beside
from bench.million import Grown, Million
from bench.million import Side as Rate
from bench.orders import Alone, Bought, Level, Orders, Ratios
from bench.pgbench import Result
from bench.probe import Probe
from bench.questions import Question
from bench.reads import Read, Side
from bench.report import Results
from bench.reservations import Level as Reserved
from bench.reservations import Side as ReservedSide
from bench.search import Kind, Made, Size, Took
from bench.topologies import Journey, Shape
from bench.usage import Cpu, Memory

BOUGHT = Bought(rate=120.0, p50=0.02, p99=0.2, cpu=Cpu(0.004, 0.006), commits=12.5, wal_bytes=40_960.0)
BEFORE = Bought(rate=60.0, p50=0.05, p99=0.3, cpu=Cpu(0.01, 0.01), commits=29.0, wal_bytes=40_960.0)
JOURNEY = Journey(rate=90.0, p50=0.05, p99=0.1, order_p50=0.03, order_p99=0.06, cpu=Cpu(0.005, 0.007))
SHAPE = Shape("all-in-one", 4.0, 1.5, Memory(200.0, 900.0, 140.0), Memory(250.0, 950.0, 180.0), JOURNEY)
RESERVED = ReservedSide(Result(900.0, 0.004, 0.01), Result(800.0, 0.005, 0.02), 0.0008)
SIZE = Size(
    10_000,
    Made(2.0, 9_000_000),
    Made(0.5, 3_000_000),
    90_000_000,
    [
        Kind("Two words", Took(0.0015, 0.004), 0.0014, Took(0.003, 0.007), 700.0, Took(0.0002, 0.0009)),
        Kind("Suggestions", Took(0.0005, 0.009), 0.0004, Took(0.001, 0.002), 900.0, None),
    ],
    0.2,
    0.4,
)
ACT = Act(12, 0.01)
RESULTS = Results(
    facts=[("Machine", "two cores")],
    probes=[Probe("before", 0.1, 0.0002), Probe("after", 0.11, 0.00021)],
    reads=[
        Read(
            Question("Product detail", "/products/a", kept=True),
            1200,
            Side(9_000.0, 0.003, 0.009, 0.00008, 0.0, 0.3),
            Side(12_000.0, 0.002, 0.007, 0.00005, 0.0, 0.4),
            0.85,
        )
    ],
    orders=Orders(
        [Level(1, BOUGHT, BEFORE, Ratios(2.0, 0.4, 0.5, 0.43)), Level(8, BOUGHT, BEFORE, Ratios(1.9, 0.4, 0.51, 0.43))],
        Alone(45, 20, 7),
        Alone(89, 37, 7),
    ),
    limit=[Beside(8, BOUGHT, Result(200.0, 0.04, 0.09), 0.6, Result(2000.0, 0.004, 0.009), 0.06)],
    hot_sku=[HotSku(32, BOUGHT, BOUGHT, 1.0)],
    flash=Flash(
        1000,
        100,
        Sale(4.0, Waits(2.0, 3.0), Waits(1.0, 4.0), 0.0),
        Sale(10.0, Waits(5.0, 8.0), Waits(4.0, 9.0), 500.0),
        0.4,
    ),
    events=[Case("An order", Effects(200, 0.0019, 0.016), Effects(200, 0.03, 0.06), Effects(200, 0.001, 0.004))],
    million=Million(
        1000,
        20_000_000,
        [
            Grown("Orders, 32 at once", Rate(100.0, 0.01), Rate(94.0, 0.011), 0.94),
            Grown("Orders of any product, 32 at once", Rate(100.0, 0.01), Rate(90.0, 0.011), 0.9, promised=False),
        ],
    ),
    search=[SIZE, replace(SIZE, products=1_000_000, fresh_most=1.2)],
    catalog=Catalog(
        Import(1000, 4.0, 9000, 0.5),
        {
            1: {"add": ACT, "change": ACT, "read": ACT},
            1000: {"add": ACT, "change": replace(ACT, statements=1012), "read": ACT},
        },
    ),
    reservations=[Reserved(8, RESERVED, RESERVED, 1.0, Result(90.0, 0.1, 0.2), Result(3600.0, 0.1, 0.2), 10.0, 0.24)],
    shapes=[SHAPE, replace(SHAPE, name="three-services")],
)


def tables(page: str) -> list[list[str]]:
    """Runs of lines that are table rows."""
    found: list[list[str]] = [[]]
    for line in page.splitlines():
        if line.startswith("|"):
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_every_table_has_a_rule_and_rows_of_one_width():
    page = report.document(RESULTS, "commit abc")
    found = tables(page)
    assert len(found) == 15
    for table in found:
        assert set(table[1]) <= set("|-: ")
        assert len({row.count("|") for row in table}) == 1, table


def test_the_page_says_how_it_was_measured_and_names_no_place():
    page = report.document(RESULTS, "commit abc")
    assert "## How it is measured" in page
    assert "STOA_GATEWAY_REQUESTS_PER_MINUTE=0" in page
    assert "/home" not in page
    assert "{" not in page


def test_targets_are_beside_what_was_measured():
    assert [(each.what, each.measured, each.target, each.met) for each in report.targets(RESULTS)] == [
        ("Product detail", "9,000/s", "≥ 80%", True),
        ("Statements of one order", "45", "≤ 45", True),
        ("Writing commits of one order", "12.5", "≤ 13", True),
        ("CPU of an order, 1 at once", "10.0 ms", "≤ 0.50", True),
        ("Orders, 1 at once", "120/s", "≥ 1.8", True),
        ("Answer to an order alone, p50", "20.0 ms", "≤ 0.50", True),
        ("CPU of an order, 8 at once", "10.0 ms", "≤ 0.50", False),
        ("Orders, 8 at once", "120/s", "≥ 2.0", False),
        ("Orders beside the same SQL, 8 at once", "120/s", "≥ 25%", True),
        ("One hot SKU, 32 at once", "120/s", "≥ 0.90", True),
        ("Event to effect: an order", "1.9 / 16.0 ms", "≤ 2 / 15 ms", False),
        ("Orders, 32 at once, after 1,000 orders", "94/s", "≥ 0.95", False),
        ("Search of 1,000,000 products: two words", "1.50 / 4.00 ms", "≤ 2 / 8 ms", True),
        ("Search of 1,000,000 products: suggestions", "0.50 / 9.00 ms", "≤ 2 / 8 ms", False),
        ("Written to found, in a search of 1,000,000 products", "0.20 s, at most 1.20 s", "≤ 1 s", False),
        ("Statements to add, change and read a product of 1,000 variants", "12, 1012, 12", "the same", False),
        ("Reservations beside the same SQL, 8 at once", "900/s", "≥ 25%", False),
        ("Reservations of one SKU, 8 at once", "900/s", "≥ 0.90", True),
        ("First page, fresh data directory", "4.0 s", "≤ 10 s", True),
        ("First page, old data directory", "1.5 s", "≤ 3 s", True),
        ("Memory of all-in-one after the start", "200 MiB", "< 300 MiB", True),
        ("Memory of all-in-one after orders", "250 MiB", "< 300 MiB", True),
    ]


def test_a_missed_target_is_said():
    slow = replace(SHAPE, old_start=3.2)
    missed = [each for each in report.targets(Results(shapes=[slow])) if not each.met]
    assert [(each.what, each.measured) for each in missed] == [("First page, old data directory", "3.2 s")]
    assert "| **no** |" in report.document(replace(RESULTS, shapes=[slow]), "commit abc")


def test_without_a_baseline_nothing_is_compared_with_it():
    orders = Orders([Level(1, BOUGHT, None, None)], Alone(45, 20, 7), None)
    assert [each.what for each in report.targets(Results(orders=orders))] == [
        "Statements of one order",
        "Writing commits of one order",
    ]
    assert "06c4a6c" not in report.body(Results(orders=orders, probes=RESULTS.probes))


def test_a_part_that_was_not_measured_is_left_out():
    page = report.body(Results(probes=RESULTS.probes))
    assert "## Orders" not in page
    assert len(tables(page)) == 2


def test_a_machine_that_drifted_is_named():
    assert "was steady" in report.body(RESULTS)
    probes = [*RESULTS.probes, Probe("later", 0.3, 0.0002)]
    assert "**The machine drifted**" in report.body(replace(RESULTS, probes=probes))


def test_the_plot_is_the_same_for_the_same_figures(tmp_path):
    for name in ("one.svg", "other.svg"):
        plot.draw(RESULTS, tmp_path / name)
    drawn = (tmp_path / "one.svg").read_text()
    assert drawn == (tmp_path / "other.svg").read_text()
    assert "the same SQL" in drawn
