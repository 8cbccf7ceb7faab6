"""The two-way account: a ledger of five entries worked by hand, refusals with file and line, draws that stay together."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumen import tables
from tumen.case import Case
from tumen.case.account import (
    BASES,
    Amount,
    Prices,
    Transfer,
    check_account,
    check_published,
    read_prices,
    read_transfers,
)
from tumen.case.faults import CaseError, Faults
from tumen.ledger import account
from tumen.ledger.account import month_shares, months_of
from tumen.ledger.amounts import draw, uniforms
from tumen.ledger.journal import Journal
from tumen.ledger.shares import entry_shares, input_shares

PERIOD = (dt.date(2024, 1, 1), dt.date(2024, 2, 29))
AS_OF = dt.date(2024, 12, 31)
SOURCES = {"s1", "s2"}
DRAWS = 8

# Simulated: round numbers, so that the ledger can be checked on paper.
PRICES = """
headline_basis = "russian_cost"
headline_why = "test"
base_year = 2024
at_least_excess = 0.25
at_least_why = "test"
up_to_floor = 0.5
up_to_why = "test"

[[commodity]]
name = "rounds_152"
unit = "rounds"
group = "munitions"
label = "shells"
label_ko = "포탄"
from_cargo = true
plausible_usd = [50, 20000]
index_weight = 1

[[commodity]]
name = "missiles"
unit = "missiles"
group = "missiles"
label = "missiles"
label_ko = "미사일"
plausible_usd = [100000, 20000000]
index_weight = 3000
condition = "used"

[[commodity]]
name = "oil"
unit = "barrels"
group = "oil"
label = "oil"
label_ko = "정제유"
plausible_usd = [30, 300]
most_per_year = 9000000

[[commodity]]
name = "cash"
unit = "USD"
group = "cash"
label = "cash"
label_ko = "현금"
plausible_usd = [1, 1]

[[conversion]]
commodity = "oil"
from_unit = "trips"
to_unit = "barrels"
factor = 500
source = "s1"

[[price]]
commodity = "rounds_152"
basis = "russian_cost"
point = 1000
unit = "USD/round"
year = 2024
source = "s1"
published = "2024-01-01"

[[price]]
commodity = "rounds_152"
basis = "export_price"
point = 2000
unit = "USD/round"
year = 2024
source = "assumption"
why = "test"

[[price]]
commodity = "rounds_152"
basis = "western_replacement"
point = 4000
unit = "USD/round"
year = 2024
source = "assumption"
why = "test"

[[price]]
commodity = "rounds_152"
basis = "dprk_income"
point = 300
unit = "USD/round"
year = 2024
source = "assumption"
why = "test"
derived_from = ["theirs"]

[[price]]
commodity = "missiles"
basis = "all"
point = 3000000
unit = "USD/missile"
year = 2024
source = "assumption"
why = "test"

[[price]]
commodity = "oil"
basis = "all"
point = 100
unit = "USD/barrel"
year = 2024
source = "assumption"
why = "test"

[[price]]
commodity = "cash"
basis = "all"
point = 1
unit = "USD/USD"
year = 2024
source = "assumption"
why = "test"

[[deflator]]
year = 2024
index = 100
source = "s1"

[[valuation]]
claim = "theirs"
what = "munitions"
containers = 20
source = "s2"
why = "test"
"""

HEADER = (
    "id,start,end,payer,payee,commodity,low,point,high,shape,unit,status,scope,covers,derived_from,"
    "origin_group,source,published,label,label_ko,why,note\n"
)
ROWS = {
    "missiles": "missiles,2024-02-01,2024-02-29,DPRK,RUS,missiles,,2,,auto,missiles,claimed,all,,,G,s1,2024-03-01,,,,\n",
    "oil": "oil,2024-01-01,2024-01-31,RUS,DPRK,oil,,1000,,auto,barrels,observed,all,tankers,,G,s1,2024-03-01,,,,\n",
    "tankers": "tankers,2024-01-01,2024-01-31,RUS,DPRK,oil,,2,,auto,trips,observed,all,,,G,s1,2024-03-01,,,,\n",
    "cash": "cash,2024-02-10,,RUS,DPRK,cash,,50000,,auto,USD,claimed,all,,,G,s2,2024-03-01,,,,\n",
}


def write(folder: Path, rows: list[str] | None = None, prices: str = PRICES) -> tuple[list[Transfer], Prices, Faults]:
    """Write and read the two files."""
    (folder / "transfers.csv").write_text(HEADER + "".join(rows if rows is not None else ROWS.values()))
    (folder / "prices.toml").write_text(prices)
    faults = Faults()
    transfers, read = read_transfers(folder, faults), read_prices(folder, faults)
    check_account(transfers, read, SOURCES, faults)
    return transfers, read, faults  # type: ignore[return-value]


def cargo(rounds: dict[str, float], draws: int = DRAWS, boxes: float = 5) -> pa.Table:
    """Simulated cargo: the same in every draw."""
    rows = [
        {"draw": d, "month": dt.date.fromisoformat(month), "stream": "sea", "commodity": name, "quantity": quantity}
        for month, many in rounds.items()
        for name, quantity in (("rounds_152", many), ("containers", boxes), ("rounds", many))
        for d in range(draws)
    ]
    return tables.CARGO.build(rows)


def claim(value: float) -> pa.Table:
    """A published valuation."""
    row = {
        "claim_id": "theirs", "quantity": "usd", "label": "value", "point": value, "unit": "USD", "reading": "exactly",
        "direction": "DPRK->RUS", "scope": "all", "period_start": PERIOD[0], "period_end": PERIOD[1],
        "published": dt.date(2024, 3, 1), "origin_group": "X", "independence": "derived", "use": "check",
        "source_id": "s2",
    }  # fmt: skip
    columns = {c.name for c in tables.TABLES["claims"].columns}
    row |= {"item": "arms", "forecast": False} if "item" in columns else {}
    return tables.TABLES["claims"].build([{k: v for k, v in row.items() if k in columns}])


def no_claims() -> pa.Table:
    return tables.TABLES["claims"].empty()


def of_basis(table: pa.Table, basis: str) -> pa.Table:
    return table.filter(pc.equal(table.column("basis").cast(pa.string()), basis))


@pytest.fixture
def by_hand(tmp_path: Path) -> dict[str, pa.Table]:
    transfers, prices, faults = write(tmp_path)
    assert not faults.items
    given_rounds = cargo({"2024-01-01": 100, "2024-02-01": 200})
    return account(given_rounds, transfers, prices, claim(900_000), PERIOD, AS_OF, seed=1)


def test_five_entries_by_hand(by_hand: dict[str, pa.Table]) -> None:
    # 300 rounds at 1,000 and 2 missiles at 3 million are 6.3 million; 1,000 barrels at 100 and 50,000 cash came back.
    # The two tankers are the same thousand barrels: counted once.
    totals = of_basis(by_hand["account_totals"], "russian_cost")
    assert set(totals["value_usd"].to_pylist()) == {6_300_000.0}
    assert set(totals["returned_usd"].to_pylist()) == {150_000.0}
    assert set(totals["owed_usd"].to_pylist()) == {6_150_000.0}
    assert totals["repaid_share"][0].as_py() == pytest.approx(150 / 6300)
    # 300 rounds at 1,000 in ten boxes.
    assert totals["usd_per_container"][0].as_py() == pytest.approx(30_000)
    roles = {r["entry_id"]: r["role"] for r in by_hand["entries"].to_pylist()}
    assert roles == {
        "cargo:rounds_152": "counted", "missiles": "counted", "oil": "counted", "tankers": "covered", "cash": "counted",
    }  # fmt: skip


def test_bases_stand_side_by_side(by_hand: dict[str, pa.Table]) -> None:
    value = {b: of_basis(by_hand["account_totals"], b)["value_usd"][0].as_py() for b in BASES}
    assert value == {
        "russian_cost": 6_300_000, "export_price": 6_600_000, "western_replacement": 7_200_000, "dprk_income": 6_090_000,
    }  # fmt: skip


def test_the_balance_runs(by_hand: dict[str, pa.Table]) -> None:
    balance = of_basis(by_hand["balance"], "russian_cost").to_pylist()
    # January: 100 rounds out, 1,000 barrels back, both 100,000 dollars: x - x is 0.
    assert [(r["given_median"], r["returned_median"], r["owed_median"]) for r in balance] == [
        (100_000, 100_000, 0),
        (6_300_000, 150_000, 6_150_000),
    ]


def test_both_books_balance(by_hand: dict[str, pa.Table]) -> None:
    state = {r["account"]: r["usd_median"] for r in of_basis(by_hand["accounts"], "russian_cost").to_pylist()}
    assert state["RUS:owes:DPRK"] == -6_150_000
    assert state["DPRK:owed_by:RUS"] == 6_150_000
    assert state["RUS:received:rounds_152"] == 300_000
    assert state["DPRK:received:oil"] == 100_000
    for book in ("RUS", "DPRK"):
        assert sum(v for k, v in state.items() if k.startswith(f"{book}:")) == 0
    checks = {r["name"]: r for r in by_hand["diagnostics"].to_pylist()}
    assert checks["double entry"]["value"] == 0
    assert checks["books agree with balance"]["passed"]


def test_volume_index_is_weights_times_pieces(by_hand: dict[str, pa.Table]) -> None:
    points = {r["month"].month: r["points_median"] for r in by_hand["volume_index"].to_pylist()}
    # Used missiles count 40 % of 3,000 points each.
    assert points == {1: 100, 2: 200 + 2 * 3000 * 0.4}


def test_a_published_valuation_is_taken_apart(by_hand: dict[str, pa.Table]) -> None:
    row = by_hand["valuations_compared"].to_pylist()[0]
    # 900,000 against our 6.3 million of munitions and missiles; 300 rounds would cost 3,000 each; twice our ten boxes.
    assert row["ratio"] == pytest.approx(900 / 6300)
    assert row["implied_usd_per_round"] == pytest.approx(3000)
    assert row["ratio_quantity"] == pytest.approx(2.0)
    assert row["ratio_price"] == pytest.approx(900 / 6300 / 2)
    assert row["independent"] is False
    assert "proves nothing" in row["text"]


def test_money_of_the_day_and_of_the_base_year(tmp_path: Path) -> None:
    text = PRICES.replace(
        'point = 1000\nunit = "USD/round"\nyear = 2024', 'point = 1000\nunit = "USD/round"\nyear = 2022'
    )
    text += '\n[[deflator]]\nyear = 2022\nindex = 80\nsource = "s1"\n\n[[deflator]]\nyear = 2025\nindex = 110\nsource = "s1"\n'
    transfers, prices, faults = write(tmp_path, [], text)
    assert not faults.items
    period = (dt.date(2025, 1, 1), dt.date(2025, 1, 31))
    made = account(cargo({"2025-01-01": 10}), transfers, prices, no_claims(), period, dt.date(2025, 6, 1), seed=1)
    totals = of_basis(made["account_totals"], "russian_cost")
    assert totals["value_constant_usd"][0].as_py() == pytest.approx(10 * 1000 * 100 / 80)
    assert totals["value_usd"][0].as_py() == pytest.approx(10 * 1000 * 110 / 80)
    last = [r for r in made["balance"].to_pylist() if r["basis"] == "russian_cost"][-1]
    totals = [r for r in made["account_totals"].to_pylist() if r["basis"] == "russian_cost"]
    constant = np.median([r["value_constant_usd"] - r["returned_constant_usd"] for r in totals])
    assert last["owed_constant_median"] == pytest.approx(constant)
    assert last["owed_constant_median"] != pytest.approx(last["owed_median"])


def test_another_currency_is_turned_by_its_rate(tmp_path: Path) -> None:
    text = PRICES.replace('point = 1000\nunit = "USD/round"', 'point = 1300000\nunit = "KRW/round"')
    text += '\n[[exchange]]\ncurrency = "KRW"\nyear = 2024\nper_usd = 1300\nsource = "s1"\n'
    transfers, prices, faults = write(tmp_path, [], text)
    assert not faults.items
    made = account(cargo({"2024-01-01": 10}), transfers, prices, no_claims(), PERIOD, AS_OF, seed=1)
    assert of_basis(made["account_totals"], "russian_cost")["value_usd"][0].as_py() == pytest.approx(10_000)


def test_inferred_returns_stand_apart(tmp_path: Path) -> None:
    rows = [*ROWS.values(), ROWS["cash"].replace("cash,2024-02-10", "gift,2024-02-11").replace("claimed", "inferred")]
    transfers, prices, _ = write(tmp_path, rows)
    made = account(cargo({"2024-01-01": 100}), transfers, prices, no_claims(), PERIOD, AS_OF, seed=1)
    totals = of_basis(made["account_totals"], "russian_cost")
    assert totals["inferred_usd"][0].as_py() == 50_000
    assert totals["returned_usd"][0].as_py() == 150_000


# --- refusals -----------------------------------------------------------------------------


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ('point = 1000\nunit = "USD/round"', 'point = 1400000\nunit = "USD/round"', "point", "is no price of rounds_152"),
        ('point = 1000\nunit = "USD/round"', 'point = 1400000\nunit = "KRW/round"', "unit", "no exchange rate for 2024"),
        ('point = 1000\nunit = "USD/round"', 'point = 1000\nunit = "USD/container"', "unit", "counted in rounds, not in container"),
        ('point = 1000\nunit = "USD/round"', 'point = 1000\nunit = "USD"', "row", "CURRENCY/UNIT"),
        ('point = 100\nunit = "USD/barrel"', 'point = 100\nunit = "USD/tonne"', "unit", "counted in barrels"),
        ('point = 100\nunit = "USD/barrel"', 'low = 120\npoint = 100\nunit = "USD/barrel"', "row", "low <= point <= high"),
        ('source = "s1"\npublished', 'source = "nobody"\npublished', "source", "unknown source"),
        ('why = "test"\nderived_from = ["theirs"]', 'derived_from = ["theirs"]', "row", "reason in 'why'"),
        ('derived_from = ["theirs"]', 'derived_from = ["tumen:owed_usd"]', "derived_from", "our own result"),
        ("base_year = 2024", "base_year = 1999", "base_year", "no [[deflator]]"),
    ],
)  # fmt: skip
def test_price_mistakes_are_named_with_their_line(tmp_path: Path, old: str, new: str, field: str, words: str) -> None:
    assert old in PRICES
    text = PRICES.replace(old, new, 1)
    _, _, faults = write(tmp_path, [], text)
    found = [str(f) for f in faults.items]
    assert len(found) == 1, found
    fault = faults.items[0]
    assert words in str(fault)
    assert fault.file == "prices.toml"
    assert field in fault.field or field == "row"
    # The line is that of the entry that holds the mistake.
    block = text[: text.index(new)].rfind("\n[[")
    expected = text[: block + 1].count("\n") + 1 if block > 0 else 1
    assert expected <= fault.line <= line_of(text, new) + 2


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        (ROWS["oil"].replace("barrels", "tonnes"), "unit", "oil is counted in barrels"),
        (ROWS["oil"].replace(",1000,", ",1000000000,"), "point", "more than can be"),
        (ROWS["oil"].replace(",1000,", ",-5,"), "row", "negative"),
        (ROWS["oil"].replace("RUS,DPRK", "RUS,RUS"), "row", "two sides"),
        (ROWS["oil"].replace(",s1,", ",nobody,"), "source", "unknown source"),
        (ROWS["oil"].replace("2024-01-01,2024-01-31", "2024-13-01,2024-01-31"), "start", "no date"),
        (ROWS["oil"].replace("2024-01-01,2024-01-31", "2024-02-01,2024-01-31"), "row", "ends 2024-01-31 before"),
        (ROWS["oil"].replace("2024-03-01", "2023-03-01"), "row", "published 2023-03-01 before it starts"),
        (ROWS["oil"].replace(",oil,", ",gold,"), "commodity", "unknown"),
        (ROWS["oil"].replace(",oil,", ",rounds_152,"), "commodity", "counted twice"),
        (ROWS["oil"].replace("tankers", "nothing"), "covers", "no such entry"),
        (ROWS["oil"].replace("all,tankers", "all,oil"), "covers", "circular"),
        (ROWS["oil"].replace(",,G,", ",oil,G,"), "derived_from", "circular"),
        (ROWS["oil"].replace("all,tankers", "all,"), "covers", "count the same flow"),
    ],
)  # fmt: skip
def test_transfer_mistakes_are_named_with_their_line(tmp_path: Path, row: str, field: str, words: str) -> None:
    rows = [ROWS["missiles"], ROWS["tankers"], row]
    _, _, faults = write(tmp_path, rows)
    wanted = [f for f in faults.items if words in str(f)]
    assert len(wanted) == 1, [str(f) for f in faults.items]
    assert (wanted[0].file, wanted[0].line) == ("transfers.csv", 4)
    assert field in wanted[0].field or field == "row"


def test_a_circle_over_several_rows_is_found(tmp_path: Path) -> None:
    rows = [
        ROWS["missiles"].replace("all,,,G", "all,,cash,G"),
        ROWS["cash"].replace("all,,,G", "all,,missiles,G"),
    ]
    _, _, faults = write(tmp_path, rows)
    assert [str(f) for f in faults.items] == [
        "transfers.csv:2: derived_from: circular: missiles <- cash <- missiles, expected a chain that ends in a source"
    ]


def test_what_is_published_later_is_refused_with_its_line(tmp_path: Path) -> None:
    transfers, prices, _ = write(tmp_path)
    day = dt.date(2024, 2, 15)
    faults = Faults()
    check_published(transfers, day, faults)
    assert [(f.file, f.line, f.field) for f in faults.items] == [
        ("transfers.csv", n, "published") for n in (2, 3, 4, 5)
    ]
    with pytest.raises(CaseError, match=r"transfers.csv:2: published: '2024-03-01': later than the day"):
        account(cargo({"2024-01-01": 1}), transfers, prices, no_claims(), PERIOD, day, seed=1)


def test_a_claim_that_is_covered_counts_while_its_cover_is_not_out(tmp_path: Path) -> None:
    early = ROWS["tankers"].replace("2024-03-01", "2024-02-10")
    transfers, prices, faults = write(tmp_path, [early, ROWS["oil"]])
    assert not faults.items
    known = [t for t in transfers if t.published.last() <= dt.date(2024, 2, 15)]
    made = account(cargo({"2024-01-01": 1}), known, prices, no_claims(), PERIOD, dt.date(2024, 2, 15), seed=1)
    assert of_basis(made["account_totals"], "russian_cost")["returned_usd"][0].as_py() == pytest.approx(2 * 500 * 100)


# --- draws ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "mean"),
    [
        (Amount(point=5), 5),
        (Amount(low=2, high=4), 3),
        (Amount(low=0, point=1, high=5), 2),
        (Amount(low=100, shape="at_least"), 125),
        (Amount(high=100, shape="up_to"), 75),
    ],
)
def test_shapes_have_the_stated_means(amount: Amount, mean: float) -> None:
    u = uniforms("x", 1, 4000)
    assert draw(amount, u, at_least_excess=0.25, up_to_floor=0.5).mean() == pytest.approx(mean, rel=2e-3)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0.01, 1e9), min_size=3, max_size=3).map(sorted),
    st.sampled_from(["triangular", "lognormal", "uniform", "at_least", "up_to"]),
)
def test_draws_keep_their_bounds_and_order(three: list[float], shape: str) -> None:
    low, point, high = three
    amount = Amount(low=low, point=point, high=high, shape=shape)
    u = np.linspace(0.001, 0.999, 101)
    values = draw(amount, u, 0.25, 0.5)
    assert (np.diff(values) >= -1e-9 * high).all()
    if shape in ("triangular", "uniform", "up_to"):
        assert values.min() >= low * (1 - 1e-12)
        assert values.max() <= high * (1 + 1e-12)
    if shape == "at_least":
        assert values.min() >= low


def test_a_row_more_changes_no_other_rows_draws(tmp_path: Path) -> None:
    loose = ROWS["oil"].replace(",,1000,,", ",500,1000,2000,")
    prices = write(tmp_path)[1]
    rounds = cargo({"2024-01-01": 100}, draws=200)

    def worth_of_oil(rows: list[str]) -> np.ndarray:
        transfers, _, _ = write(tmp_path, rows)
        values = of_basis(
            account(rounds, transfers, prices, no_claims(), PERIOD, AS_OF, seed=3)["values"], "russian_cost"
        )
        return values.filter(pc.equal(values["entry_id"].cast(pa.string()), "oil"))["usd"].to_numpy()

    few, many = worth_of_oil([ROWS["tankers"], loose]), worth_of_oil([ROWS["cash"], ROWS["tankers"], loose])
    assert np.ptp(few) > 0
    assert (few == many).all()


def test_owed_is_given_less_returned_in_every_draw(tmp_path: Path) -> None:
    loose = [ROWS["oil"].replace(",,1000,,", ",500,1000,2000,"), ROWS["tankers"], ROWS["cash"]]
    transfers, prices, _ = write(tmp_path, loose)
    made = account(cargo({"2024-01-01": 100}, draws=500), transfers, prices, no_claims(), PERIOD, AS_OF, seed=3)
    for basis in BASES:
        t = of_basis(made["account_totals"], basis)
        owed = t["value_usd"].to_numpy() - t["returned_usd"].to_numpy()
        assert (owed == t["owed_usd"].to_numpy()).all()
        values = of_basis(made["values"], basis)
        assert set(values["role"].to_pylist()) == {"counted"}
        summed = np.bincount(values["draw"].to_numpy(), weights=values["usd"].to_numpy())
        assert summed == pytest.approx(owed)
    last = made["balance_draws"].filter(pc.equal(made["balance_draws"]["month"], dt.date(2024, 2, 1)))
    assert last["owed"].to_numpy() == pytest.approx(
        of_basis(made["account_totals"], "russian_cost")["owed_usd"].to_numpy()
    )


def test_variance_shares_of_a_sum() -> None:
    u, v = uniforms("a", 1, 4000), uniforms("b", 1, 4000)
    answer = 3 * u + v  # variances 9 and 1 of 10
    shares = entry_shares({"a": 3 * u, "b": v})
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["a"] == pytest.approx(0.9, abs=0.02)
    assert input_shares(u, answer[None, :])[0] == pytest.approx(0.9, abs=0.02)
    assert input_shares(uniforms("c", 1, 4000), answer[None, :])[0] < 0.01


def test_a_journal_that_does_not_balance_is_told() -> None:
    journal = Journal("DPRK", "RUS")
    journal.post("one", "DPRK", "RUS", "shells", np.array([1.0, 2.0]))
    assert journal.imbalance() == 0
    journal.postings.pop()
    assert journal.imbalance() == 2
    with pytest.raises(ValueError, match="neither DPRK nor RUS"):
        journal.post("two", "CHN", "RUS", "shells", np.array([1.0, 2.0]))


def test_days_of_a_period_are_shared_out() -> None:
    months = months_of(dt.date(2024, 1, 1), dt.date(2024, 3, 31))
    assert month_shares(dt.date(2023, 12, 31), dt.date(2024, 1, 1), months).tolist() == [0.5, 0.0, 0.0]
    assert month_shares(dt.date(2024, 1, 1), dt.date(2024, 3, 31), months) == pytest.approx([31 / 91, 29 / 91, 31 / 91])


# --- the real case --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_rounds() -> pa.Table:
    """Simulated cargo in the months of the real case."""
    months = [m.isoformat() for m in months_of(dt.date(2023, 8, 1), dt.date(2025, 12, 1))]
    return cargo(dict.fromkeys(months, 100_000.0), draws=400)


def test_najin_account_stands(najin: Case, real_rounds: pa.Table) -> None:
    as_of = dt.date(2026, 6, 30)
    case = najin.as_of(as_of)
    claims = case.tables()["claims"]
    made = account(
        real_rounds, case.transfers, case.prices, claims, (dt.date(2023, 8, 1), dt.date(2025, 12, 31)), as_of, 1
    )
    failed = [r for r in made["diagnostics"].to_pylist() if not r["passed"]]
    assert not failed
    counted = {r["entry_id"]: r for r in made["entries"].to_pylist()}
    # One flow of oil: a million barrels, 43 tankers, MSMT's million and the two figures for March.
    oil = [e for e in counted.values() if e["commodity"] == "refined_petroleum" and e["role"] == "counted"]
    assert [e["entry_id"] for e in oil] == ["oil-2023-reported", "oil-2024-01-reported", "oil-2024"]
    assert counted["oil-2024-tankers"]["covered_by"] == "oil-2024"
    assert counted["oil-2024-03-rusi"]["covered_by"] == "oil-2024"
    # The rice forecast is no recorded flow.
    assert not any("rice" in e["commodity"] for e in counted.values())
    compared = {r["valuation"]: r for r in made["valuations_compared"].to_pylist()}
    assert {v.claim for v in case.prices.valuation} == set(compared)
    assert compared["kida-value-of-munitions-2025-04"]["independent"]
    assert not compared["fnf-value-of-arms-delivered-2024-10-28"]["independent"]


@pytest.mark.parametrize("day", ["2023-11-01", "2024-03-01", "2024-06-01", "2024-12-01", "2025-02-01", "2025-06-01"])
def test_najin_account_as_of_a_day_knows_nothing_later(najin: Case, real_rounds: pa.Table, day: str) -> None:
    as_of = dt.date.fromisoformat(day)
    case = najin.as_of(as_of)
    faults = Faults()
    check_published([*case.transfers, *case.prices.price, *case.prices.deflator], as_of, faults)
    assert not faults.items
    early = real_rounds.filter(pc.less_equal(real_rounds["month"], as_of))
    claims = case.tables()["claims"]
    made = account(early, case.transfers, case.prices, claims, (dt.date(2023, 8, 1), as_of), as_of, 1)
    assert max(r["month"] for r in made["balance"].to_pylist()) <= as_of
    failed = [r["name"] for r in made["diagnostics"].to_pylist() if not r["passed"]]
    assert not failed
