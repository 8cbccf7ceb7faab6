"""From dated reports to likelihoods: findings, their origins, grades and ages.

Takes the `indicators` table and settings; gives, for each node of the network, the likelihood of
what was published by a day if the node is true and if it is false. Reports that retell one
finding are one piece of evidence. Findings of one origin share the chance that this origin
depends on the facts at all, as far apart as their grades allow (they are comonotone: what makes
the origin's weaker report depend on the facts makes its stronger one too). Cascaded inference
after Schum (1994), reliability as a latent variable after Bovens and Hartmann (2003).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from tumen.assess.sheet import Values
from tumen.case.history import next_raised, ratios
from tumen.case.judge import NONE, Series, Trades


@dataclass(frozen=True)
class Report:
    """One telling of a finding: on which day, with which grade."""

    published: dt.date
    reliability: str
    credibility: str


@dataclass(frozen=True)
class Finding:
    """One piece of evidence: the first report of it and those that retell it."""

    id: str
    node: str
    origin: str
    sign: str
    seen: bool
    event: dt.date
    reports: tuple[Report, ...]
    text: str
    text_ko: str | None
    evidence_ids: tuple[str, ...]
    value: float | None = None
    counted: Series | None = None  # of a yearly count: its history, and the counts since up to this one

    @property
    def published(self) -> dt.date:
        """Day of the first report."""
        return min(r.published for r in self.reports)


def findings(indicators: pa.Table, trades: Trades) -> list[Finding]:
    """Merge reports into findings, ordered by publication.

    Two reports are one finding where one `repeats` the other, or where origin, node, sign and
    state agree and the events lie within `repeat_days`. Rows that were not looked for, or that
    carry no sign, are no evidence and are left out.
    """
    rows = [r for r in indicators.to_pylist() if r["state"] != "not_looked" and r["sign"] != NONE]
    rows.sort(key=lambda r: (r["published"], r["event_date"], r["indicator_id"]))
    parent = {r["indicator_id"]: r["indicator_id"] for r in rows}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    last: dict[tuple[str, ...], dict] = {}
    for row in sorted(rows, key=lambda r: (r["event_date"], r["indicator_id"])):
        key = (row["origin_group"], row["trade"], row["sign"], row["state"])
        near = last.get(key)
        if near is not None and (row["event_date"] - near["event_date"]).days <= trades.settings.repeat_days:
            parent[root(row["indicator_id"])] = root(near["indicator_id"])
        last[key] = row
    for row in rows:
        if row["repeats"] in parent:
            parent[root(row["indicator_id"])] = root(row["repeats"])
    groups: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        groups[root(row["indicator_id"])].append(row)
    made = [_finding(group) for group in groups.values()]
    return sorted(_with_history(made, trades), key=lambda f: (f.published, f.id))


def _with_history(found: list[Finding], trades: Trades) -> list[Finding]:
    """Give each yearly count its history, the evidence of that, and the counts that came before it."""
    out = [f for f in found if not trades.signs[f.sign].counts]
    for name in dict.fromkeys(f.sign for f in found if trades.signs[f.sign].counts):
        past = tuple(year.evidence_id for year in trades.signs[name].history)
        own = sorted((f for f in found if f.sign == name), key=lambda f: f.event)
        years = [(f.event, f.value or 0.0) for f in own]
        for place, finding in enumerate(own):
            series = trades.signs[name].series(years[: place + 1], trades.settings.trade_began)
            out.append(replace(finding, counted=series, evidence_ids=(*finding.evidence_ids, *past)))
    return out


def _finding(rows: Sequence[dict]) -> Finding:
    first = rows[0]
    return Finding(
        id=first["indicator_id"],
        node=first["trade"],
        origin=first["origin_group"],
        sign=first["sign"],
        seen=first["state"] == "seen",
        event=min(r["event_date"] for r in rows),
        reports=tuple(Report(r["published"], r["reliability"], r["credibility"]) for r in rows),
        text=first["text"],
        text_ko=first["text_ko"],
        evidence_ids=tuple(r["evidence_id"] for r in rows if r["evidence_id"]),
        value=first["value"],
    )


def depends(finding: Finding, values: Values, day: dt.date) -> np.ndarray:
    """Chance that a finding tells of the node's state on `day`; shape (rows of settings,).

    The product of three: that at least one of the reports out by then passed it on faithfully,
    that its content depends on the facts (the best credibility given), and that what was true
    then still tells of now (halves with every half-life of its sign).
    """
    told = [r for r in finding.reports if r.published <= day]
    if not told:
        return np.zeros(len(values))
    lost = np.ones(len(values))
    content = np.zeros(len(values))
    for report in told:
        lost = lost * (1 - values[f"grades.reliability.{report.reliability}"])
        content = np.maximum(content, values[f"grades.credibility.{report.credibility}"])
    fresh = np.ones(len(values))
    name = f"signs.{finding.sign}.half_life_days"
    if name in values.index:
        fresh = 0.5 ** (max((day - finding.event).days, 0) / values[name])
    return (1 - lost) * content * fresh


Sides = tuple[np.ndarray, np.ndarray, np.ndarray]


def chances(finding: Finding, values: Values) -> Sides:
    """Chance of what was reported if the node is true, if it is false, and if the origin is blind to the facts.

    A blind origin reports the sign as often as the side under which the sign is likelier would
    have it: so a finding that depends on the facts with chance r moves odds by at most 1/(1 - r).
    Of a yearly count the chances are relative: only their ratios mean something.
    """
    if finding.counted is None:
        return of_sign(values[f"signs.{finding.sign}.hit"], values[f"signs.{finding.sign}.false_alarm"], finding.seen)
    ratio = ratios(*finding.counted, values[f"signs.{finding.sign}.rise"])[:, -1]
    most = np.maximum(ratio, 1.0)
    return ratio / most, 1.0 / most, np.ones(len(ratio))


def of_sign(hit: np.ndarray, false_alarm: np.ndarray, seen: bool) -> Sides:
    """The same for a sign that is seen or not."""
    blind = np.maximum(hit, false_alarm)
    return (hit, false_alarm, blind) if seen else (1 - hit, 1 - false_alarm, 1 - blind)


def to_come(sign: str, trades: Trades, found: Sequence[Finding], values: Values) -> tuple[np.ndarray, np.ndarray]:
    """Chance that a sign would be seen next time, if the node is true and if it is false, each (rows,).

    Of a yearly count: that the next one lies nearer to what the rise would give than to what would come without.
    """
    if not trades.signs[sign].counts:
        return values[f"signs.{sign}.hit"], values[f"signs.{sign}.false_alarm"]
    years = sorted((f.event, f.value or 0.0) for f in found if f.sign == sign)
    series = trades.signs[sign].series(years, trades.settings.trade_began)
    return next_raised(*series, values[f"signs.{sign}.rise"])


def origin_likelihood(depend: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Likelihood of all findings of one origin, relative to a blind origin.

    `depend` (rows, days, findings) is the chance of each to depend on the facts, `ratio`
    (rows, findings) its chance under the node's state over that of a blind origin. The origin
    has one latent uniform number; a finding depends on the facts where that number is below
    its chance. Returns shape (rows, days).
    """
    if depend.shape[2] == 1:
        return 1 + depend[:, :, 0] * (ratio[:, None, 0] - 1)
    order = np.argsort(-depend, axis=2)
    sorted_depend = np.take_along_axis(depend, order, axis=2)
    product = np.cumprod(np.take_along_axis(np.broadcast_to(ratio[:, None, :], depend.shape), order, axis=2), axis=2)
    width = sorted_depend.copy()
    width[:, :, :-1] -= sorted_depend[:, :, 1:]
    return 1 - sorted_depend[:, :, 0] + (width * product).sum(axis=2)


class Evidence:
    """Findings compiled against rows of settings: likelihoods by node, as of any days, with any left out."""

    def __init__(self, found: Sequence[Finding], values: Values) -> None:
        self.found = list(found)
        self.values = values
        self.groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, finding in enumerate(self.found):
            self.groups[finding.node, finding.origin].append(number)
        self.ratios = []
        for finding in self.found:
            true, false, blind = chances(finding, values)
            self.ratios.append((true / blind, false / blind))

    def depend(self, days: Sequence[dt.date]) -> np.ndarray:
        """Shape (rows of settings, days, findings)."""
        out = np.zeros((len(self.values), len(days), len(self.found)))
        for number, finding in enumerate(self.found):
            self._fill(out, number, finding, days)
        return out

    def _fill(self, out: np.ndarray, number: int, finding: Finding, days: Sequence[dt.date]) -> None:
        name = f"signs.{finding.sign}.half_life_days"
        steps = sorted({r.published for r in finding.reports})
        age = np.array([max((d - finding.event).days, 0) for d in days], dtype=float)
        for start in steps:
            at = np.array([d >= start for d in days])
            if not at.any():
                continue
            base = depends(finding, self.values, start)
            if name in self.values.index:
                life = self.values[name]
                base = base / 0.5 ** (max((start - finding.event).days, 0) / life)
                out[:, at, number] = base[:, None] * 0.5 ** (age[at] / life[:, None])
            else:
                out[:, at, number] = base[:, None]

    def scenarios(self, depend: np.ndarray, kept: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Likelihood by node with the findings marked 1 in each row of `kept` only; shape (rows, scenarios).

        `depend` is of one day. Each origin is worked out once for each pattern of its findings.
        """
        out: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for (node, _), numbers in self.groups.items():
            patterns, inverse = np.unique(kept[:, numbers], axis=0, return_inverse=True)
            part = depend[:, :1, numbers] * patterns[None]
            sides = []
            for side in (0, 1):
                ratio = np.stack([self.ratios[n][side] for n in numbers], axis=1)
                sides.append(origin_likelihood(part, ratio)[:, inverse.ravel()])
            before = out.get(node)
            out[node] = (sides[0], sides[1]) if before is None else (before[0] * sides[0], before[1] * sides[1])
        return out

    def likelihood(self, depend: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Likelihood by node if true and if false, each of shape (rows, days)."""
        out: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for (node, _), numbers in self.groups.items():
            part = depend[:, :, numbers]
            both = []
            for side in (0, 1):
                both.append(origin_likelihood(part, np.stack([self.ratios[n][side] for n in numbers], axis=1)))
            before = out.get(node)
            out[node] = (both[0], both[1]) if before is None else (before[0] * both[0], before[1] * both[1])
        return out


def masks(found: Sequence[Finding], without: Iterable[Iterable[int]]) -> np.ndarray:
    """One row a scenario, 0 where a finding is left out; shape (scenarios, findings)."""
    rows = []
    for numbers in without:
        row = np.ones(len(found))
        row[list(numbers)] = 0
        rows.append(row)
    return np.array(rows).reshape(len(rows), len(found))
