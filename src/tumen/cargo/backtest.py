"""What would have been foretold: containers, tonnes and rounds published after a day, scored from what was public then.

Takes draws of voyages as they were known on the day, carried on to the last day that a later claim speaks of; gives
rows of `tables.BACKTEST`. What is foretold is the figure that this origin would publish, not the truth: its bias as far
as its earlier claims tell it, the drift and noise of its figures, and how far below (or above) its belief a floor (or
ceiling) is told. Beside the model stand a flow that never changes its rate, and a straight line.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import log_ndtr, logsumexp, ndtr

from tumen import tables
from tumen.cargo.likelihood import beliefs
from tumen.cargo.problem import Windows
from tumen.cargo.statements import RATIO, Statement
from tumen.cargo.statements import read as read_statements
from tumen.cargo.weigh import Posterior, posterior
from tumen.cargo.world import normal_sd
from tumen.case.loading import Loading, Prior
from tumen.draws import crps

Array = np.ndarray
DRAWS = 2_000
# A straight line through a single total tells nothing of its own error: half as much again either way, as one sigma.
LINE_SD = math.log(1.5)
# What an analyst turns boxes into rounds by: the middle of the ministry's 400 to 500.
ROUNDS_A_BOX = 450.0
LEAST_SD = 1e-6


@dataclass(frozen=True)
class Foretold:
    """A published figure as foretold: normal logs of the belief behind it, and how it is told."""

    statement: Statement
    centre: Array  # (n,) log of what the origin would believe
    sd: Array  # (n,)
    slack: float  # mean margin of a floor or ceiling; 0: told as believed
    nothing: float  # log of the belief below which 'none' is told; -inf: never

    def stated(self, rng: np.random.Generator) -> Array:
        """Draws of the figure."""
        belief = self.centre + self.sd * rng.standard_normal(len(self.centre))
        margin = self.slack * rng.standard_exponential(len(belief))
        told = np.exp(belief - margin if self.statement.form == "at_least" else belief + margin)
        return np.where(belief < self.nothing, 0.0, told)

    def log_density(self, value: float) -> float:
        """Log predictive density of the log of a figure; of a zero, the log of its probability.

        A belief that is normal on the log scale, less an exponential margin, is an exponentially modified normal
        (Grushka 1972); the predictive is their mixture over the draws.
        """
        if value == 0:
            return float(np.log(max(ndtr((self.nothing - self.centre) / self.sd).mean(), 1e-300)))
        away = (math.log(value) - self.centre) / self.sd
        if self.slack == 0:
            logs = -0.5 * away**2 - 0.5 * math.log(2 * math.pi) - np.log(self.sd)
        else:
            sign = 1.0 if self.statement.form == "at_least" else -1.0
            rate = self.sd / self.slack
            logs = sign * away * rate + 0.5 * rate**2 + log_ndtr(-sign * away - rate) - math.log(self.slack)
        return float(logsumexp(logs) - math.log(len(logs)))


def last_day(claims: pa.Table, loading: Loading, as_of: dt.date, start: dt.date) -> dt.date | None:
    """Last day that any claim published after `as_of` speaks of; None where there is none."""
    later = _later(claims, loading, as_of, (start, dt.date.max), {}, set())
    return max((s.end for s, _ in later), default=None)


def backtest(
    flows: Mapping[str, tuple[pa.Table, Loading]],
    looks: pa.Table,
    sightings: pa.Table,
    claims: pa.Table,
    vessels: pa.Table,
    period: tuple[dt.date, dt.date],
    as_of: dt.date,
    seed: int,
    draws: int = DRAWS,
) -> pa.Table:
    """Score every later claim on cargo.

    `flows` are, by name of the method, draws of voyages (the first `draws` are used) over `period` made from what was known on the day, and the
    priors (`steady` gives those of a flow that never changes). `claims` are all of the case; looks, sightings and the
    claims that are heard are those published by `as_of`. `period` runs to `last_day`. Gives BACKTEST.
    """
    known = claims.filter(pc.less_equal(claims.column("published"), as_of))
    seen, reports = (t.filter(pc.less_equal(t.column("published"), as_of)) for t in (looks, sightings))
    rows: list[dict[str, Any]] = []
    loading = None

    def heard(flow: tuple[pa.Table, Loading]) -> Posterior:
        voyages = flow[0].filter(pc.less(flow[0].column("draw"), draws))
        return posterior(voyages, seen, reports, known, vessels, flow[1], period, seed, draws, leave_out=False)

    with ThreadPoolExecutor(max(len(flows), 1)) as threads:
        posteriors = list(threads.map(heard, flows.values()))
    for number, ((method, (_, loading)), made) in enumerate(zip(flows.items(), posteriors, strict=True)):
        rng = np.random.default_rng([seed, number])
        later = _later(claims, loading, as_of, period, made.problem.typical, made.problem.places)
        rows += [
            _row(s, published, as_of, method, f.stated(rng), f.log_density(value_of(s)))
            for (s, published), f in zip(later, foretell(made, [s for s, _ in later], rng), strict=True)
        ]
    if loading is None or not rows:
        return tables.BACKTEST.empty()
    rng = np.random.default_rng([seed, len(flows)])
    for s, published in later:
        line = straight_line(made.problem.statements, s)
        if line is not None:
            rows.append(_row(s, published, as_of, "straight line", line.stated(rng), line.log_density(value_of(s))))
    return tables.BACKTEST.build(rows)


def steady(loading: Loading) -> Loading:
    """The same priors for a flow that never changes: rail neither grows nor wanders, all phases load alike."""
    fixed = Prior(
        median=1.0, low=1.0, high=1.0, unit=loading.rail.growth.unit, source=["assumption"], reason="a constant rate"
    )
    rail = loading.rail.model_copy(update={"growth": fixed, "step_spread": 0.0})
    return loading.model_copy(update={"rail": rail, "load": loading.load.model_copy(update={"phase_spread": 0.0})})


def _later(
    claims: pa.Table, loading: Loading, as_of: dt.date, period: tuple[dt.date, dt.date], typical: dict[str, float],
    places: set[str],
) -> list[tuple[Statement, dt.date]]:  # fmt: skip
    """Statements on cargo that were published after the day, with that later day; plans and counts of voyages apart.

    A count of boxes is foretold whole: how many voyages its author would count was not known.
    """
    after = claims.filter(pc.greater(claims.column("published"), as_of))
    place = after.schema.get_field_index("group")
    after = after.set_column(place, after.schema.field(place), pa.nulls(after.num_rows, pa.string()))
    published = dict(zip(after.column("claim_id").to_pylist(), after.column("published").to_pylist(), strict=True))
    statements, _ = read_statements(after, loading, period, typical, places)
    plans = {r["claim_id"] for r in after.select(["claim_id", "forecast"]).to_pylist() if r["forecast"]}
    out = []
    for s in statements:
        if s.quantity == "voyages" or s.end < period[0] or (s.claim_id in plans and s.end > published[s.claim_id]):
            continue
        if s.quantity == RATIO and s.year_before[0] < period[0]:
            continue
        out.append((s, published[s.claim_id]))
    return out


def foretell(made: Posterior, later: list[Statement], rng: np.random.Generator) -> list[Foretold]:
    """What each origin would publish, given all that was heard."""
    problem, world = made.problem, made.world
    claims = problem.loading.claims
    truths = np.log(
        Windows(later, problem.loading, problem.sea, problem.period).truths(world, made.home, problem.is_round)[0]
    )
    heard = problem.heard.truths(world, made.home, problem.is_round)[0]
    # Logs of what each origin was found to believe of its earlier claims, less what the world holds with the kind's bias.
    errors = {}
    for origin, expected in zip(problem.origins, problem.by_origin(problem.expected(world, heard)), strict=True):
        errors[origin.group] = (origin, beliefs(origin, expected, rng) - expected)
    unheard = {s.kind for s in later} - set(problem.kinds)
    of_kind = {k: np.log(claims.kind[k].bias.value(rng.standard_normal(len(truths)))) for k in sorted(unheard)}
    of_kind |= {k: world.kind_log_bias[:, i] for i, k in enumerate(problem.kinds)}
    out = []
    for number, s in enumerate(later):
        kind = claims.kind[s.kind]
        own, drift, noise = (normal_sd(f) ** 2 for f in (kind.origin_factor, kind.drift_factor, kind.noise_factor))
        centre = truths[:, number].copy()
        variance = drift + noise
        if s.biased:
            centre += of_kind[s.kind]
            variance += own
            if s.group in errors:
                origin, error = errors[s.group]
                days = np.array([abs(s.middle_day - o.middle_day) for o in origin.statements])
                shared = origin.biased * (own + drift * np.exp(-days / claims.drift_days))
                gain = np.linalg.solve(origin.covariance, shared)
                centre += error @ gain
                variance -= float(shared @ gain)
        none = s.point == 0
        out.append(
            Foretold(
                s, centre, np.full(len(centre), math.sqrt(max(variance, LEAST_SD))), claims.slack if s.tilted else 0.0,
                s.upper if none else -math.inf,
            )
        )  # fmt: skip
    return out


def straight_line(known: list[Statement], s: Statement) -> Foretold | None:
    """The latest known total of the same quantity (of the same origin, where it has one) at its own mean daily rate.

    The spread is that of the log rates of all known totals of the quantity. Where rounds were never counted, boxes are
    turned into 450 rounds each, and the other way round.
    """
    days = (s.end - s.start).days + 1
    nothing = s.upper if s.point == 0 else -math.inf
    if s.quantity == RATIO:
        return Foretold(s, np.zeros(DRAWS), np.full(DRAWS, LINE_SD), 0.0, nothing)
    wanted, factor = s.quantity, 1.0
    totals = [k for k in known if k.quantity == wanted and k.munition == s.munition and value_of(k) > 0]
    if not totals and wanted in ("rounds", "containers"):
        other = "rounds" if wanted == "containers" else "containers"
        factor = 1 / ROUNDS_A_BOX if wanted == "containers" else ROUNDS_A_BOX
        totals = [k for k in known if k.quantity == other and value_of(k) > 0]
    if not totals:
        return None
    rates = np.array([math.log(value_of(k) * factor / ((k.end - k.start).days + 1)) for k in totals])
    own = [i for i, k in enumerate(totals) if k.group == s.group] or list(range(len(totals)))
    last = max(own, key=lambda i: (totals[i].end, i))
    sd = max(float(rates.std(ddof=1)), LEAST_SD) * math.sqrt(1 + 1 / len(rates)) if len(rates) > 1 else LINE_SD
    return Foretold(s, np.full(DRAWS, rates[last] + math.log(days)), np.full(DRAWS, sd), 0.0, nothing)


def value_of(s: Statement) -> float:
    """The published figure; the middle of a range by ratio."""
    if s.point is not None:
        return s.point
    ends = [v for v in (s.low, s.high) if v]
    return math.exp(sum(math.log(v) for v in ends) / len(ends)) if ends else 0.0


def _row(
    s: Statement, published: dt.date, as_of: dt.date, method: str, stated: Array, log_score: float
) -> dict[str, Any]:
    value = value_of(s)
    q = np.quantile(stated, [0.5, 0.25, 0.75, 0.1, 0.9, 0.025, 0.975])
    return {
        "as_of": as_of, "claim_id": s.claim_id, "published": published, "origin_group": s.group, "quantity": s.quantity,
        "reading": s.reading, "scope": s.scope, "used": s.used, "period_start": s.start, "period_end": s.end,
        "days_ahead": float(max(0, (s.end - max(as_of, s.start)).days)), "method": method, "published_value": value,
        "median": q[0], "low50": q[1], "high50": q[2], "low80": q[3], "high80": q[4], "low95": q[5], "high95": q[6],
        "inside50": bool(q[1] <= value <= q[2]), "inside80": bool(q[3] <= value <= q[4]),
        "inside95": bool(q[5] <= value <= q[6]), "crps": crps(stated, value),
        "crps_log": crps(np.log(stated), math.log(value)) if value > 0 and stated.min() > 0 else None,
        "log_score": log_score, "parents": [s.evidence_id] if s.evidence_id else None,
    }  # fmt: skip
