"""The two-way account: what was given, what came back, what is open.

Takes draws of cargo, recorded transfers both ways, prices and published valuations; gives the
ledger, the running balance as draws on every value basis, the books after double entry, what
the answer hangs on, and the published valuations beside it. Method: plain-text double entry
with draws in place of numbers; a flow that several claims describe is counted once.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tumen import tables
from tumen.case.account import (
    ASSUMPTION,
    BASES,
    Commodity,
    Prices,
    Transfer,
    check_overlaps,
    check_published,
    conversion_factor,
    covering,
    months_between,
)
from tumen.case.faults import Faults
from tumen.draws import DRAWS, matrix, summary
from tumen.ledger.amounts import draw, uniforms
from tumen.ledger.journal import Journal
from tumen.ledger.shares import entry_shares, input_shares
from tumen.ledger.valuations import compare
from tumen.ledger.worth import Worth

# SIPRI counts a used weapon at 40 % and a refurbished one at 66 % of a new one (sources and methods of its
# arms transfers database); the volume index does the same.
CONDITION_WEIGHT = {"new": 1.0, "used": 0.40, "refurbished": 0.66}


@dataclass
class Entry:
    """A ledger entry with its quantity in draws by month, shape (draws, months)."""

    id: str
    start: dt.date
    end: dt.date
    payer: str
    payee: str
    commodity: Commodity
    quantity: np.ndarray
    status: str
    role: str
    sources: list[str]
    parents: list[str]
    text: str
    label: str
    label_ko: str
    derived_from: list[str] = field(default_factory=list)
    covered_by: str | None = None
    origin_group: str | None = None
    price: dict[str, np.ndarray] = field(default_factory=dict)  # basis -> base-year USD a unit, shape (draws,)
    _amount: tuple[bytes, np.ndarray] | None = None

    @property
    def counted(self) -> bool:
        """Whether it stands in the balance."""
        return self.role == "counted"

    def amount(self, weights: np.ndarray) -> np.ndarray:
        """Its quantity in draws, months weighted by `weights`; the last answer is kept."""
        key = weights.tobytes()
        if self._amount is None or self._amount[0] != key:
            self._amount = (key, self.quantity @ weights)
        return self._amount[1]

    def worth(self, basis: str, weights: np.ndarray) -> np.ndarray:
        """Its worth in draws, months weighted by `weights`, e.g. by the step to money of the day."""
        return self.amount(weights) * self.price[basis]


def account(
    cargo: pa.Table,
    transfers: Sequence[Transfer],
    prices: Prices,
    claims: pa.Table,
    period: tuple[dt.date, dt.date],
    as_of: dt.date,
    seed: int,
    *,
    origin: str = "DPRK",
    recipient: str = "RUS",
) -> dict[str, pa.Table]:
    """Value what went both ways and strike the balance.

    `cargo`: tables.CARGO; its draws are the worlds of the result. `transfers`, `prices`: the case, as of the
    day. `claims`: tables.CLAIMS; those that value the trade are compared. `period`: first and last day of the
    account. Money is USD; `usd` columns are money of the day, `*_constant` of the base year.

    Raises `CaseError` with file and line for anything published after `as_of`.
    Returns tables entries, values, account_totals, balance, balance_draws, accounts, flows, volume_index,
    valuations_compared, variance_shares, diagnostics.
    """
    faults = Faults()
    check_published([*transfers, *prices.price, *prices.deflator], as_of, faults)
    faults.stop()
    months = months_of(period[0], min(period[1], as_of))
    draws = _draws(cargo)
    worth = Worth(prices, seed, draws)
    entries, boxes = _cargo_entries(cargo, prices, months, draws, origin, recipient)
    entries += _transfer_entries(transfers, prices, months, (period[0], min(period[1], as_of)), seed, draws)
    used = _price_entries(entries, worth)
    factor = worth.current(months)
    made: dict[str, pa.Table] = {}
    books = {basis: _books(entries, basis, factor, origin, recipient, draws) for basis in BASES}
    totals = {basis: Totals.of(entries, basis, factor, origin, draws) for basis in BASES}
    made["entries"] = _entry_table(entries, prices, factor)
    made["values"] = _value_table(entries, factor, origin)
    made["account_totals"] = _totals_table(totals, entries, boxes, factor, draws)
    made["balance"] = _balance_table(totals, months)
    made["balance_draws"] = _balance_draws(totals[prices.headline_basis], prices.headline_basis, months, draws)
    made["accounts"] = _accounts_table(books)
    made["flows"] = _flow_table(entries, factor)
    made["volume_index"] = _volume_table(entries, months)
    made["variance_shares"] = _variance_table(entries, totals, factor, worth, origin, transfers, seed)
    made["valuations_compared"] = compare(claims, prices, entries, months, factor, boxes, origin)
    made["diagnostics"] = _diagnostics(entries, books, totals, cargo, prices, used, origin, transfers)
    return made


def months_of(first: dt.date, last: dt.date) -> list[dt.date]:
    """First days of the months from `first` to `last`.

    >>> [str(m) for m in months_of(dt.date(2023, 12, 5), dt.date(2024, 2, 1))]
    ['2023-12-01', '2024-01-01', '2024-02-01']
    """
    start, stop = first.year * 12 + first.month - 1, last.year * 12 + last.month - 1
    return [dt.date(n // 12, n % 12 + 1, 1) for n in range(start, stop + 1)]


def month_shares(start: dt.date, end: dt.date, months: Sequence[dt.date]) -> np.ndarray:
    """Share of the days from `start` to `end` that fall in each month; days outside all months are lost.

    >>> month_shares(dt.date(2024, 1, 31), dt.date(2024, 2, 3), [dt.date(2024, 1, 1), dt.date(2024, 2, 1)]).tolist()
    [0.25, 0.75]
    """
    days = (end - start).days + 1
    edges = [*months, _next_month(months[-1])] if months else []
    return np.array(
        [max(0, (min(end + dt.timedelta(1), b) - max(start, a)).days) / days for a, b in itertools.pairwise(edges)]
    )


def _next_month(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=32)).replace(day=1)


def _draws(cargo: pa.Table) -> int:
    if not cargo.num_rows:
        return DRAWS
    import pyarrow.compute as pc

    return int(pc.max(cargo.column("draw")).as_py()) + 1


# --- entries ------------------------------------------------------------------------------


def _cargo_entries(
    cargo: pa.Table, prices: Prices, months: list[dt.date], draws: int, origin: str, recipient: str
) -> tuple[list[Entry], np.ndarray]:
    """One entry for each commodity of the cargo table that prices.toml knows: sea and rail together.

    Also the containers that left, shape (draws, months).
    """
    boxes = np.zeros((draws, len(months)))
    if not cargo.num_rows:
        return [], boxes
    amounts, groups = matrix(cargo, "quantity", ("commodity", "month"), draws)
    place: dict[object, int] = {month: position for position, month in enumerate(months)}
    for column, (name, month) in enumerate(groups):
        if name == "containers" and month in place:
            boxes[:, place[month]] = amounts[:, column]
    out = []
    for commodity in prices.commodity:
        if not commodity.from_cargo:
            continue
        quantity = np.zeros((draws, len(months)))
        for column, (name, month) in enumerate(groups):
            if name == commodity.name and month in place:
                quantity[:, place[month]] = amounts[:, column]
        if not quantity.any():
            continue
        out.append(
            Entry(
                id=f"cargo:{commodity.name}",
                start=months[0],
                end=_next_month(months[-1]) - dt.timedelta(1),
                payer=origin,
                payee=recipient,
                commodity=commodity,
                quantity=quantity,
                status="observed",
                role="counted",
                sources=[],
                parents=[],
                text=f"{commodity.label}: from the count of voyages and what a box holds; the voyages are seen, the contents are not",
                label=commodity.label,
                label_ko=commodity.label_ko,
            )
        )
    return out, boxes


def _transfer_entries(
    transfers: Sequence[Transfer],
    prices: Prices,
    months: list[dt.date],
    period: tuple[dt.date, dt.date],
    seed: int,
    draws: int,
) -> list[Entry]:
    covered = covering(transfers)
    commodities = {c.name: c for c in prices.commodity}
    out = []
    for transfer in transfers:
        commodity = commodities[transfer.commodity]
        factor = conversion_factor(transfer, prices, commodity.unit)
        if factor is None:
            raise ValueError(
                f"{transfer.at.file}:{transfer.at.line}: unit: '{transfer.unit}', expected {commodity.unit}"
            )
        total = factor * draw(
            transfer,
            uniforms(f"quantity of {transfer.id}", seed, draws),
            prices.at_least_excess,
            prices.up_to_floor,
        )
        inside = transfer.last >= period[0] and transfer.first <= period[1]
        shares = month_shares(transfer.first, transfer.last, months)
        if transfer.id in covered:
            role = "covered"
        elif not inside:
            role = "outside"
        else:
            role = "inferred" if transfer.status == "inferred" else "counted"
        out.append(
            Entry(
                id=transfer.id,
                start=transfer.first,
                end=transfer.last,
                payer=transfer.payer,
                payee=transfer.payee,
                commodity=commodity,
                quantity=total[:, None] * shares[None, :],
                status=transfer.status,
                role=role,
                sources=[] if transfer.source == ASSUMPTION else [transfer.source],
                parents=[transfer.evidence_id],
                text=transfer.note or transfer.why or transfer.label or commodity.label,
                label=transfer.label or commodity.label,
                label_ko=transfer.label_ko or commodity.label_ko,
                derived_from=transfer.derived_from,
                covered_by=covered.get(transfer.id),
                origin_group=transfer.origin_group,
            )
        )
    return out


def _price_entries(entries: list[Entry], worth: Worth) -> dict[tuple[str, str], str]:
    """Give each entry its worth by basis (base-year USD); those without any price become `unpriced`.

    Returns for each commodity and basis the source of the price that was used.
    """
    used: dict[tuple[str, str], str] = {}
    for entry in entries:
        for basis in BASES:
            priced = worth.price(entry.commodity.name, basis)
            if priced is None:
                continue
            per_unit, price = priced
            entry.price[basis] = per_unit
            used[(entry.commodity.name, basis)] = price.source
            if price.evidence_id not in entry.parents:
                entry.parents.append(price.evidence_id)
            if price.source != ASSUMPTION and price.source not in entry.sources:
                entry.sources.append(price.source)
        if not entry.price and entry.role in ("counted", "inferred"):
            entry.role = "unpriced"
    return used


# --- balance ------------------------------------------------------------------------------


@dataclass
class Totals:
    """By month, money of the day, shape (draws, months); `owed` is given minus returned, draw by draw."""

    given: np.ndarray
    returned: np.ndarray
    inferred: np.ndarray
    given_constant: np.ndarray
    returned_constant: np.ndarray

    @classmethod
    def of(cls, entries: list[Entry], basis: str, factor: np.ndarray, origin: str, draws: int) -> Totals:
        """Sum the entries of a basis."""
        zero = np.zeros((draws, len(factor)))
        given, returned, inferred = zero.copy(), zero.copy(), zero.copy()
        for entry in entries:
            if basis not in entry.price:
                continue
            if entry.role == "inferred" and entry.payer != origin:
                inferred += entry.quantity * entry.price[basis][:, None]
            elif entry.counted and entry.payer == origin:
                given += entry.quantity * entry.price[basis][:, None]
            elif entry.counted:
                returned += entry.quantity * entry.price[basis][:, None]
        return cls(given * factor, returned * factor, inferred * factor, given, returned)

    @property
    def owed(self) -> np.ndarray:
        """Running balance by month, shape (draws, months)."""
        return (self.given - self.returned).cumsum(axis=1)


def _books(entries: list[Entry], basis: str, factor: np.ndarray, origin: str, recipient: str, draws: int) -> Journal:
    journal = Journal(creditor=origin, debtor=recipient)
    for entry in entries:
        if basis in entry.price and entry.role in ("counted", "inferred"):
            worth = entry.worth(basis, factor)
            journal.post(entry.id, entry.payer, entry.payee, entry.commodity.name, worth, entry.role == "inferred")
    return journal


def _share(returned: np.ndarray, given: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(given > 0, returned / np.where(given > 0, given, 1.0), 0.0)


# --- tables -------------------------------------------------------------------------------


def _entry_table(entries: list[Entry], prices: Prices, factor: np.ndarray) -> pa.Table:
    rows = []
    for entry in entries:
        quantity = summary(entry.quantity.sum(axis=1))
        priced = prices.headline_basis in entry.price and entry.role in ("counted", "inferred")
        money = summary(entry.worth(prices.headline_basis, factor)) if priced else None
        rows.append(
            {
                "entry_id": entry.id,
                "start": entry.start,
                "end": entry.end,
                "payer": entry.payer,
                "payee": entry.payee,
                "commodity": entry.commodity.name,
                "label": entry.label,
                "label_ko": entry.label_ko,
                "quantity_median": quantity.median,
                "quantity_low90": quantity.low90,
                "quantity_high90": quantity.high90,
                "unit": entry.commodity.unit,
                "status": entry.status,
                "role": entry.role,
                "covered_by": entry.covered_by,
                "usd_median": money.median if money else None,
                "usd_low90": money.low90 if money else None,
                "usd_high90": money.high90 if money else None,
                "origin_group": entry.origin_group,
                "source_ids": entry.sources,
                "text": entry.text,
                "parents": entry.parents or None,
            }
        )
    return tables.ENTRIES.build(rows) if rows else tables.ENTRIES.empty()


def _value_table(entries: list[Entry], factor: np.ndarray, origin: str) -> pa.Table:
    names: list[str] = []
    bases: list[str] = []
    roles: list[str] = []
    current: list[np.ndarray] = []
    constant: list[np.ndarray] = []
    draws = 0
    for entry in entries:
        sign = 1.0 if entry.payer == origin else -1.0
        for weights, column in ((factor, current), (np.ones_like(factor), constant)):
            for basis in entry.price if entry.role in ("counted", "inferred") else ():
                column.append(sign * entry.worth(basis, weights))
                draws = len(column[-1])
        counted = entry.price if entry.role in ("counted", "inferred") else ()
        names += [entry.id] * len(counted)
        bases += list(counted)
        roles += [entry.role] * len(counted)
    if not names:
        return tables.VALUES.empty()
    return tables.VALUES.build(
        {
            "draw": np.tile(np.arange(draws, dtype=np.int32), len(names)),
            "entry_id": repeated(names, draws),
            "basis": repeated(bases, draws),
            "role": repeated(roles, draws),
            "usd": np.concatenate(current),
            "usd_constant": np.concatenate(constant),
        }
    )


def repeated(names: Sequence[str], times: int) -> pa.DictionaryArray:
    """Each name `times` times in a row, as a dictionary array; cheap for draw tables."""
    distinct = list(dict.fromkeys(names))
    place = {name: position for position, name in enumerate(distinct)}
    codes = np.repeat(np.array([place[n] for n in names], dtype=np.int32), times)
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(distinct, pa.string()))


def _totals_table(
    totals: dict[str, Totals], entries: list[Entry], boxes: np.ndarray, factor: np.ndarray, draws: int
) -> pa.Table:
    columns: dict[str, list[np.ndarray]] = {}
    containers = boxes.sum(axis=1)
    for basis, each in totals.items():
        given, returned = each.given.sum(axis=1), each.returned.sum(axis=1)
        loads = [e.worth(basis, factor) for e in entries if e.id.startswith("cargo:") and basis in e.price]
        loaded = np.sum(loads, axis=0) if loads else np.zeros(draws)
        per_box = np.divide(loaded, containers, out=np.full(draws, np.nan), where=containers > 0)
        for name, values in {
            "value_usd": given,
            "returned_usd": returned,
            "inferred_usd": each.inferred.sum(axis=1),
            "owed_usd": given - returned,
            "repaid_share": _share(returned, given),
            "value_constant_usd": each.given_constant.sum(axis=1),
            "returned_constant_usd": each.returned_constant.sum(axis=1),
            "usd_per_container": per_box,
        }.items():
            columns.setdefault(name, []).append(values)
    return tables.ACCOUNT_TOTALS.build(
        {
            "draw": np.tile(np.arange(draws, dtype=np.int32), len(totals)),
            "basis": repeated(list(totals), draws),
            **{name: pa.array(np.concatenate(parts), from_pandas=True) for name, parts in columns.items()},
        }
    )


def _balance_table(totals: dict[str, Totals], months: list[dt.date]) -> pa.Table:
    rows = []
    for basis, each in totals.items():
        given, returned = each.given.cumsum(axis=1), each.returned.cumsum(axis=1)
        low, mid, high = np.quantile(each.owed, [0.05, 0.5, 0.95], axis=0)
        share = np.median(_share(returned, given), axis=0)
        constant = np.median((each.given_constant - each.returned_constant).cumsum(axis=1), axis=0)
        medians = [np.median(a, axis=0) for a in (given, returned, each.inferred.cumsum(axis=1))]
        for m, month in enumerate(months):
            rows.append(
                {
                    "month": month,
                    "basis": basis,
                    "given_median": medians[0][m],
                    "returned_median": medians[1][m],
                    "inferred_median": medians[2][m],
                    "owed_median": mid[m],
                    "owed_low90": low[m],
                    "owed_high90": high[m],
                    "owed_constant_median": constant[m],
                    "repaid_share_median": share[m] if medians[0][m] > 0 else None,
                }
            )
    return tables.BALANCE.build(rows)


def _balance_draws(totals: Totals, basis: str, months: list[dt.date], draws: int) -> pa.Table:
    days = np.array(months, dtype="datetime64[D]")
    return tables.BALANCE_DRAWS.build(
        {
            "draw": np.repeat(np.arange(draws, dtype=np.int32), len(months)),
            "month": pa.array(np.tile(days, draws)),
            "basis": repeated([basis], draws * len(months)),
            "given": totals.given.cumsum(axis=1).ravel(),
            "returned": totals.returned.cumsum(axis=1).ravel(),
            "owed": totals.owed.ravel(),
        }
    )


def _accounts_table(books: dict[str, Journal]) -> pa.Table:
    rows = []
    for basis, journal in books.items():
        counts = journal.counts()
        for name, state in journal.closing().items():
            s = summary(state)
            rows.append(
                {
                    "account": name,
                    "basis": basis,
                    "usd_median": s.median,
                    "usd_low90": s.low90,
                    "usd_high90": s.high90,
                    "entries": counts[name],
                }
            )
    return tables.ACCOUNTS.build(rows) if rows else tables.ACCOUNTS.empty()


def _flow_table(entries: list[Entry], factor: np.ndarray) -> pa.Table:
    sums: dict[tuple[str, str, str, str, str], np.ndarray] = {}
    labels: dict[str, Commodity] = {}
    for entry in entries:
        if entry.role not in ("counted", "inferred"):
            continue
        labels[entry.commodity.name] = entry.commodity
        for basis in entry.price:
            key = (entry.payer, entry.payee, entry.commodity.name, entry.role, basis)
            money = entry.worth(basis, factor)
            sums[key] = sums[key] + money if key in sums else money
    rows = []
    for (payer, payee, commodity, role, basis), money in sums.items():
        s = summary(money)
        rows.append(
            {
                "payer": payer,
                "payee": payee,
                "commodity": commodity,
                "label": labels[commodity].label,
                "label_ko": labels[commodity].label_ko,
                "certainty": role,
                "basis": basis,
                "usd_median": s.median,
                "usd_low90": s.low90,
                "usd_high90": s.high90,
            }
        )
    return tables.FLOWS.build(rows) if rows else tables.FLOWS.empty()


def _volume_table(entries: list[Entry], months: list[dt.date]) -> pa.Table:
    sums: dict[tuple[str, str], np.ndarray] = {}
    for entry in entries:
        weight = entry.commodity.index_weight
        if weight is None or not entry.counted:
            continue
        points = entry.quantity * (weight * CONDITION_WEIGHT[entry.commodity.condition])
        key = (entry.payer, entry.payee)
        sums[key] = sums[key] + points if key in sums else points
    rows = []
    for (payer, payee), points in sums.items():
        low, mid, high = np.quantile(points, [0.05, 0.5, 0.95], axis=0)
        running = np.median(points.cumsum(axis=1), axis=0)
        for m, month in enumerate(months):
            rows.append(
                {
                    "month": month,
                    "payer": payer,
                    "payee": payee,
                    "points_median": mid[m],
                    "points_low90": low[m],
                    "points_high90": high[m],
                    "running_median": running[m],
                }
            )
    return tables.VOLUME_INDEX.build(rows) if rows else tables.VOLUME_INDEX.empty()


def _variance_table(
    entries: list[Entry],
    totals: dict[str, Totals],
    factor: np.ndarray,
    worth: Worth,
    origin: str,
    transfers: Sequence[Transfer],
    seed: int,
) -> pa.Table:
    rows = []
    cargo = [e for e in entries if e.id.startswith("cargo:")]
    draws = worth.draws
    inputs: dict[str, np.ndarray] = {}
    if cargo:
        inputs["cargo: how many rounds"] = np.sum([e.quantity.sum(axis=1) for e in cargo if _is_round(e)], axis=0)
        if not any(_is_round(e) for e in cargo):
            inputs.pop("cargo: how many rounds")
    for group in dict.fromkeys(e.commodity.group for e in entries if e.counted):
        inputs[f"price: {group}"] = worth.group_uniform(group)
    counted = {e.id for e in entries if e.counted}
    for transfer in transfers:
        if transfer.id in counted and transfer.resolved_shape != "fixed":
            inputs[f"quantity: {transfer.id}"] = uniforms(f"quantity of {transfer.id}", seed, draws)
    for basis in totals:
        parts = {
            e.id: (1.0 if e.payer == origin else -1.0) * e.worth(basis, factor)
            for e in entries
            if e.counted and basis in e.price
        }
        for name, share in entry_shares(parts).items():
            rows.append(_variance_row(basis, "entry", name, share, "moves with the balance"))
    answers = np.stack([each.given.sum(axis=1) - each.returned.sum(axis=1) for each in totals.values()])
    for name, cause in inputs.items():
        for basis, share in zip(totals, input_shares(cause, answers), strict=True):
            rows.append(_variance_row(basis, "input", name, float(share), "explained by it alone"))
    return tables.VARIANCE_SHARES.build(rows) if rows else tables.VARIANCE_SHARES.empty()


def _variance_row(basis: str, kind: str, name: str, share: float, verb: str) -> dict[str, object]:
    text = f"{name}: {share:.0%} of the variance of what is owed ({basis}) is {verb}"
    return {"basis": basis, "kind": kind, "name": name, "share": share, "text": text}


def _is_round(entry: Entry) -> bool:
    return entry.commodity.unit.startswith("round")


def _diagnostics(
    entries: list[Entry],
    books: dict[str, Journal],
    totals: dict[str, Totals],
    cargo: pa.Table,
    prices: Prices,
    used: dict[tuple[str, str], str],
    origin: str,
    transfers: Sequence[Transfer],
) -> pa.Table:
    def row(name: str, value: float, limit: float | None, passed: bool, text: str) -> dict[str, object]:
        return {"step": "account", "name": name, "value": value, "limit": limit, "passed": passed, "text": text}

    worst = max((j.imbalance() for j in books.values()), default=0.0)
    rows = [row("double entry", worst, 0.0, worst == 0.0, "largest difference of debits and credits, USD")]
    gap = 0.0
    for basis, each in totals.items():
        owed, scale = books[basis].owed(), np.abs(each.given).sum(axis=1) + 1.0
        if len(owed):
            gap = max(gap, float((np.abs(owed - each.owed[:, -1]) / scale).max()))
    rows.append(
        row("books agree with balance", gap, 1e-9, gap < 1e-9, "relative difference of the two ways to the balance")
    )
    twice = Faults()
    check_overlaps(transfers, twice)
    words = "; ".join(str(f) for f in twice.items) or "no two entries count one flow"
    rows.append(row("flows counted twice", len(twice.items), 0, not twice.items, words))
    lost = sorted({e.commodity.name for e in entries if e.role == "unpriced"})
    rows.append(row("unpriced entries", len(lost), 0, not lost, ", ".join(lost) or "every counted entry has a price"))
    bare = sorted(
        {e.commodity.name for e in entries if e.role in ("counted", "inferred") and set(BASES) - set(e.price)}
    )
    rows.append(row("entries without a price on some basis", len(bare), 0, not bare, ", ".join(bare) or "none"))
    unknown = _unknown_rounds(cargo, prices)
    rows.append(row("munitions without a price", len(unknown), 0, not unknown, ", ".join(unknown) or "none"))
    assumed = _assumed_share(entries, prices, used, origin)
    rows.append(
        row("value that rests on assumed prices", assumed, None, True, "share of the value given, headline basis, 0..1")
    )
    return tables.DIAGNOSTICS.build(rows)


def _unknown_rounds(cargo: pa.Table, prices: Prices) -> list[str]:
    """Munitions in the cargo draws that prices.toml does not know: they would silently be worth nothing."""
    if not cargo.num_rows:
        return []
    known = {c.name for c in prices.commodity if c.from_cargo}
    names = {str(n) for n in cargo.column("commodity").unique().to_pylist()}
    return sorted(n for n in names if n.startswith(("rounds_", "rockets_", "mortar_")) and n not in known)


def _assumed_share(entries: list[Entry], prices: Prices, used: dict[tuple[str, str], str], origin: str) -> float:
    basis = prices.headline_basis
    total = assumed = 0.0
    for entry in entries:
        if entry.counted and entry.payer == origin and basis in entry.price:
            value = float(np.median(entry.worth(basis, np.ones(entry.quantity.shape[1]))))
            total += value
            if used[(entry.commodity.name, basis)] == ASSUMPTION:
                assumed += value
    return assumed / total if total else 0.0


__all__ = ["Entry", "account", "month_shares", "months_between", "months_of"]
