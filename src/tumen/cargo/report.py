"""What the draws say about each claim, each origin, each load and each input; and checks on the sampler.

Takes a `Posterior`; gives the tables that people read. Nothing here changes a draw.
"""

from __future__ import annotations

import datetime as dt
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy.special import ndtr

from tumen import tables
from tumen.cargo import sampler
from tumen.cargo.likelihood import bias_draws, log_likelihood, origin_of
from tumen.cargo.problem import Windows
from tumen.cargo.statements import CAPACITY, RATIO, TOTALS, Statement
from tumen.cargo.streams import window
from tumen.cargo.world import World, normal_sd
from tumen.case.loading import Z95

if TYPE_CHECKING:
    from tumen.cargo.weigh import Posterior

Array = np.ndarray

LEAST_ESS = 1_000.0
LEAST_ESS_WITHOUT = 1_000.0
# Draws that rest on the worth of fewer upstream worlds would thin out what the traffic model knows: with 100 the ends
# of its 90 % intervals are good to a fifth of a standard deviation.
LEAST_WORLDS = 100.0
# Most that another run may move the median or an end of the 90 % interval, as a share of the interval's width.
MOST_MONTE_CARLO = 0.05
LEAST_ROUNDS = 1.0
GROUPS = 20
# Prior and posterior of an input that share less than this contradict one another.
LEAST_OVERLAP = 0.05
# The median of log rounds may move by this much of its standard deviation when a prior is made 1.25 times as sharp
# instead of 0.8 times: beyond it the answer is the prior's more than the evidence's.
MOST_PRIOR_SHIFT = 0.5


def tables_of(made: Posterior, rng: np.random.Generator) -> dict[str, pa.Table]:
    """All tables but the draws."""
    without = {o.group: sampler.normalised(made.pool.log_weights(i)) for i, o in enumerate(made.problem.origins)}
    answers = {group: sampler.quantiles(made.pool.rounds, weights) for group, weights in without.items()}
    with ThreadPoolExecutor(1) as threads:
        # What draws no random number is made beside what does.
        checks = threads.submit(_diagnostics, made, without)
        out = {"claims_compared": _claims(made, without, answers, rng), "origins": _origins(made, answers, rng)}
        out |= {"loads": _loads(made), "sensitivity": _sensitivity(made), "box_rounds": _box_rounds(made)}
        return out | {"diagnostics": checks.result()}


def _claims(
    made: Posterior, without: dict[str, Array], answers: dict[str, list[float]], rng: np.random.Generator
) -> pa.Table:
    problem = made.problem
    everything = Windows(problem.statements, problem.loading, problem.sea, problem.period)
    truths = everything.truths(made.world, made.home, problem.is_round)[0]
    surprises = _surprises(made, everything, truths, without, rng)
    whole = sampler.quantiles(made.pool.rounds, made.weights)[0]
    alone = _moved_alone(made)
    rows = []
    stop = {row for row, _ in problem.impossible}
    for i, s in enumerate(problem.statements):
        median, low, high = (float(v) for v in np.quantile(truths[:, i], [0.5, 0.05, 0.95]))
        entered = s.used == "evidence" and s.claim_id not in stop and s.group in answers
        used = "derived: adds nothing" if s.used == "derived" else ("evidence" if entered else "check")
        moved = whole - answers[s.group][0] if entered else None
        rows.append(
            {
                "claim_id": s.claim_id, "origin_group": s.group, "quantity": s.quantity, "reading": s.reading,
                "claimed_low": s.low, "claimed": s.point, "claimed_high": s.high, "unit": s.unit,
                "scope": s.scope, "period_start": s.start, "period_end": s.end,
                "expected_median": median, "expected_low90": low, "expected_high90": high, "surprise": surprises[i],
                "used": used, "moved_rounds": moved, "moved_alone": alone.get(s.claim_id, moved),
                "text": sentence(s, median, low, high, surprises[i], moved, s.claim_id in stop),
                "parents": [s.evidence_id] if s.evidence_id else None,
            }
        )  # fmt: skip
    return tables.CLAIMS_COMPARED.build(rows) if rows else tables.CLAIMS_COMPARED.empty()


def _moved_alone(made: Posterior) -> dict[str, float]:
    """How far each claim of an origin with several moves the median of total rounds, the others still heard.

    The draws, weighted by how much less likely the origin's claims are with this one among them.
    """
    problem = made.problem
    rounds = made.pool.rounds[made.chosen]
    even = np.full(len(rounds), 1.0 / len(rounds))
    whole = sampler.quantiles(rounds, even, (0.5,))[0]
    truths = problem.heard.truths(made.world, made.home, problem.is_round)[0]
    out = {}
    for origin, expected in zip(problem.origins, problem.by_origin(problem.expected(made.world, truths)), strict=True):
        if len(origin.statements) == 1:
            continue
        all_of_it = log_likelihood(origin, expected)
        for number, one in enumerate(origin.statements):
            rest = [k for k in range(len(origin.statements)) if k != number]
            fewer = origin_of(origin.group, [origin.statements[k] for k in rest], problem.loading.claims)
            weights = sampler.normalised(log_likelihood(fewer, expected[:, rest]) - all_of_it)
            out[one.claim_id] = whole - sampler.quantiles(rounds, weights, (0.5,))[0]
    return out


def _surprises(
    made: Posterior, everything: Windows, truths: Array, without: dict[str, Array], rng: np.random.Generator
) -> list[float]:
    """Tail probability of each statement under draws that have not heard its origin."""
    problem = made.problem
    out = [0.0] * len(problem.statements)
    for group in sorted({s.group for s in problem.statements}):
        own = [i for i, s in enumerate(problem.statements) if s.group == group]
        world, heard = made.world, truths
        if group in without:
            picks = sampler.systematic(without[group], made.pool.d, len(made.chosen), rng)
            world = problem.world(made.pool.z[picks])
            few = Windows([problem.statements[i] for i in own], problem.loading, problem.sea, problem.period)
            heard = np.empty_like(truths)
            heard[:, own] = few.truths(world, made.pool.d[picks], problem.is_round)[0]
        for i in own:
            out[i] = _surprise(made, problem.statements[i], np.log(heard[:, i]), world)
    return out


def _surprise(made: Posterior, s: Statement, log_truth: Array, world: World) -> float:
    """Two-sided tail probability of a claim, or the probability that its bound holds."""
    problem = made.problem
    kind = problem.loading.claims.kind[s.kind]
    variance = (
        normal_sd(kind.origin_factor) ** 2 + normal_sd(kind.drift_factor) ** 2 + normal_sd(kind.noise_factor) ** 2
    )
    if not s.biased:
        centre = log_truth
        variance -= normal_sd(kind.origin_factor) ** 2
    elif s.kind in problem.kinds:
        centre = log_truth + world.kind_log_bias[:, problem.kinds.index(s.kind)]
    else:
        centre = log_truth + math.log(kind.bias.median)
        variance += (math.log(kind.bias.high / kind.bias.low) / (2 * Z95)) ** 2
    spread = math.sqrt(variance)
    below_upper = float(ndtr((s.upper - centre) / spread).mean()) if math.isfinite(s.upper) else 1.0
    above_lower = float(ndtr((centre - s.lower) / spread).mean()) if math.isfinite(s.lower) else 1.0
    if s.form == "at_least":
        return above_lower
    if s.form == "up_to":
        return below_upper
    return min(2.0 * min(below_upper, above_lower), 1.0)


def sentence(
    s: Statement, median: float, low: float, high: float, surprise: float, moved: float | None, set_aside: bool
) -> str:
    """What a claim says, of what, for when; what Tumen holds for the same; and what it was used for."""
    said = {"at_least": "at least ", "up_to": "at most "}.get(s.form, "")
    if s.point == 0:
        said, value = "", "no"
    elif s.point is not None:
        value = rough(s.point)
    elif s.low is not None and s.high is not None:
        value = f"{rough(s.low)} to {rough(s.high)}"
    else:
        value = rough(s.high or s.low)
    text = f"{s.group} says {said}{value} {counted(s)}, {where(s)}, {s.start} to {s.end}"
    text += f"; Tumen holds {rough(median)} ({rough(low)} to {rough(high)})"
    if s.on_voyages is not None:
        text += " on as many voyages"
    if surprise < 0.01:
        text += f", which makes the figure very surprising (chance {surprise:.2g})"
    elif surprise < 0.05:
        text += f", which makes the figure surprising (chance {surprise:.2g})"
    if set_aside:
        return text + ". Set aside: no hull of the route could carry it."
    if moved is not None:
        way = "up" if moved > 0 else "down"
        return text + f". Its origin moves total rounds {way} by {rough(abs(moved))}."
    if s.used == "derived":
        return text + f". Not counted: {s.why}."
    return text + f". Compared only: {s.why}."


def counted(s: Statement) -> str:
    """What a statement counts, in words."""
    if s.quantity == RATIO:
        return "times the flow of the year before"
    if s.quantity == CAPACITY:
        return f"rounds if every box were full of {munition_words(str(s.munition))}"
    if s.on_voyages is not None:
        return f"containers on the {s.on_voyages:.0f} voyages that it counted"
    return munition_words(s.quantity) if s.quantity not in TOTALS else s.quantity.replace("_", " ")


def munition_words(name: str) -> str:
    """A munition of loading.toml in words.

    >>> munition_words("rounds_152"), munition_words("other_arms")
    ('152 mm rounds', 'other arms')
    """
    head, _, calibre = name.rpartition("_")
    return f"{calibre} mm {head.replace('_', ' ')}" if calibre.isdigit() and head else name.replace("_", " ")


def where(s: Statement) -> str:
    """Stream, port and hull of a statement, in words."""
    words = {"sea": "by sea", "rail": "by rail", "all": "by all routes"}[s.scope]
    if s.place is not None:
        words += f" through {s.place}"
    return words + (f" on {s.vessel}" if s.vessel is not None else "")


def rough(value: float | None) -> str:
    """A number to two or three leading figures.

    >>> rough(15812.0), rough(2_512_345.0), rough(3.21)
    ('15,800', '2.51 million', '3.2')
    """
    if value is None:
        return "nothing"
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g} million"
    if abs(value) >= 100:
        digits = max(math.floor(math.log10(abs(value))) - 2, 0)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.2g}" if value else "0"


def _origins(made: Posterior, answers: dict[str, list[float]], rng: np.random.Generator) -> pa.Table:
    problem = made.problem
    rows = []
    truths = problem.heard.truths(made.world, made.home, problem.is_round)[0]
    for origin, expected in zip(problem.origins, problem.by_origin(problem.expected(made.world, truths)), strict=True):
        kind = made.world.kind_log_bias[:, problem.kinds.index(origin.kind)]
        bias = np.exp(kind + bias_draws(origin, expected, rng))
        median, low, high = np.quantile(bias, [0.5, 0.05, 0.95])
        answer = answers[origin.group]
        parents = [s.evidence_id for s in origin.statements if s.evidence_id]
        rows.append(
            {
                "origin_group": origin.group, "claims": float(len(origin.statements)),
                "bias_median": median, "bias_low90": low, "bias_high90": high,
                "rounds_without_median": answer[0], "rounds_without_low90": answer[1], "rounds_without_high90": answer[2],
                "parents": parents or None,
            }
        )  # fmt: skip
    return tables.ORIGINS.build(rows) if rows else tables.ORIGINS.empty()


def _loads(made: Posterior) -> pa.Table:
    problem = made.problem
    rows = []
    voyages = problem.sea.counts[made.home].sum(1)
    for number, ship in enumerate(problem.sea.ships):
        median, low, high = np.quantile(made.world.per_voyage[:, number], [0.5, 0.05, 0.95])
        rows.append(
            {
                "ship": ship, "voyages_median": float(np.median(voyages[:, number])), "containers_median": median,
                "containers_low90": low, "containers_high90": high, "most": float(problem.hulls.slots[number]),
            }
        )  # fmt: skip
    return tables.LOADS.build(rows) if rows else tables.LOADS.empty()


def _sensitivity(made: Posterior) -> pa.Table:
    """Split of the variance of log rounds: it is a sum of parts, and each part's share is its covariance with the sum
    (Li and others 2010, covariance decomposition), which stays true where evidence has tied the inputs together."""
    problem, world = made.problem, made.world
    voyages = problem.sea.lifted[made.home].sum((1, 2))
    by_sea = problem.heard.sea_boxes(world, made.home).sum(1)
    by_rail = world.rail.sum(1)
    ok = voyages > 0
    if ok.sum() < 100:
        return tables.SENSITIVITY.empty()
    arms = by_sea * world.arms_sea + by_rail * world.arms_rail
    rounds = world.rounds_per_arms_box(problem.is_round)
    typical = np.median(world.in_box, axis=0)
    mix = (world.shares * typical)[:, problem.is_round].sum(1)
    parts = {
        "voyages": voyages, "load per voyage": by_sea / np.where(ok, voyages, 1.0),
        "rail beside sea": (by_sea + by_rail) / np.where(ok, by_sea, 1.0),
        "boxes with arms": arms / (by_sea + by_rail), "mix of munitions": mix, "rounds in a box": rounds / mix,
    }  # fmt: skip
    logs = {name: np.log(values[ok]) for name, values in parts.items()}
    total = np.sum(list(logs.values()), axis=0)
    spread = total.var(ddof=1)
    if spread < 1e-12:
        return tables.SENSITIVITY.empty()
    rows = []
    for name, values in logs.items():
        low, high = np.quantile(values, [0.05, 0.95])
        share = float(np.cov(values, total)[0, 1] / spread)
        rows.append({"input": name, "variance_share": share, "factor90": math.exp((high - low) / 2)})
    return tables.SENSITIVITY.build(sorted(rows, key=lambda r: -r["variance_share"]))


def _box_rounds(made: Posterior) -> pa.Table:
    problem, world = made.problem, made.world
    in_box = {name: world.in_box[:, i] for i, name in enumerate(problem.loading.munition) if problem.is_round[i]}
    in_box["rounds"] = world.rounds_per_arms_box(problem.is_round)
    rows = []
    for name, values in in_box.items():
        median, low, high = (float(v) for v in np.quantile(values, [0.5, 0.05, 0.95]))
        rows.append({"munition": name, "source": "model", "median": median, "low90": low, "high90": high})
        for check in problem.loading.check:
            if check.munition == name:
                agrees = check.high >= low and check.low <= high
                rows.append(
                    {"munition": name, "source": "; ".join(check.source), "low90": check.low, "high90": check.high, "agrees": agrees, "parents": [check.evidence_id]}
                )  # fmt: skip
    return tables.BOX_ROUNDS.build(rows)


def _diagnostics(made: Posterior, without: dict[str, Array]) -> pa.Table:
    rows: list[dict] = []

    def note(name: str, value: float, limit: float | None, passed: bool, text: str) -> None:
        rows.append(
            {"step": "weigh", "name": name, "value": float(value), "limit": limit, "passed": bool(passed), "text": text}
        )

    problem = made.problem
    draws = len(made.chosen)
    heard = bool(problem.origins or problem.stacks)
    size = sampler.ess(made.weights)
    least = min(LEAST_ESS, draws / 2) if heard else draws
    note(
        "effective sample size",
        size,
        least,
        size >= least - 1e-6,
        f"{len(made.weights):,} candidates are worth {size:,.0f} independent draws.",
    )
    if heard:
        k = sampler.pareto_k(made.weights)
        note(
            "tail of the weights (Pareto k)",
            k,
            sampler.MOST_PARETO_K,
            k < sampler.MOST_PARETO_K,
            f"Pareto k of the importance weights is {k:.2f}; below 0.7 they can be trusted.",
        )
        of_world = np.bincount(made.pool.d, weights=made.weights, minlength=draws)
        size, least = sampler.ess(of_world), min(LEAST_WORLDS, draws / 20)
        note(
            "upstream worlds", size, least, size >= least,
            f"The claims leave the worth of {size:,.0f} of the {draws:,} worlds of the traffic model; "
            f"{len(np.unique(made.home)):,} of them stand in the draws.",
        )  # fmt: skip
        error = monte_carlo_error(np.log(np.maximum(made.pool.rounds, LEAST_ROUNDS)), made.weights, made.pool.d, draws)
        note(
            "Monte Carlo error", error, MOST_MONTE_CARLO, error <= MOST_MONTE_CARLO,
            f"Another run with other worlds would move the median or an end of the 90 % interval of total rounds by about "
            f"{error:.1%} of the interval's width.",
        )  # fmt: skip
    for group, weights in without.items():
        size = sampler.ess(weights)
        note(
            f"effective sample size without {group}",
            size,
            LEAST_ESS_WITHOUT,
            size >= LEAST_ESS_WITHOUT,
            f"Without {group}, the candidates are worth {size:,.0f} draws.",
        )
    z = made.pool.z[made.chosen]
    named = ["load", "rail", "growth", "arms_sea", *(n for n in problem.layout.names if n.startswith("kind:"))]
    for name in named if heard else []:
        share = overlap(z[:, problem.layout.index[name]])
        note(
            f"prior-posterior overlap, {said(name)}",
            share,
            LEAST_OVERLAP,
            share >= LEAST_OVERLAP,
            f"Prior and posterior of {said(name)} share {share:.0%} of their mass.",
        )
    rounds = made.pool.rounds[made.chosen]
    for label, names in prior_blocks(problem.layout.names).items():
        shift = prior_shift(z[:, [problem.layout.index[n] for n in names]], rounds)
        note(
            f"prior sensitivity, {label}", shift, MOST_PRIOR_SHIFT, shift <= MOST_PRIOR_SHIFT,
            f"Making the priors of {label} 1.25 instead of 0.8 times as sharp moves the median of total rounds by {shift:.2f} of its spread.",
        )  # fmt: skip
    heard_last = _last_heard(made)
    if heard_last is not None:
        share, text = heard_last
        note("rounds after the last published count", share, None, True, text)
    if problem.sea.outside:
        mean = problem.sea.outside / draws
        note(
            "voyages outside the period",
            mean,
            0.0,
            False,
            f"{mean:.2g} voyages a draw lie outside {problem.period[0]} to {problem.period[1]} and are not weighed.",
        )
    for row, text in problem.impossible:
        note(f"impossible containers, {row}", 1.0, 0.0, False, text[0].upper() + text[1:] + ".")
    for row, text in problem.unread:
        note(
            f"unreadable claim, {row}", 1.0, 0.0, False, f"Claim {row} cannot be read as a statement on cargo: {text}."
        )
    return tables.DIAGNOSTICS.build(rows)


def _last_heard(made: Posterior) -> tuple[float, str] | None:
    """Share of total rounds that lies after the last day that a claim on cargo speaks of, and a sentence on it."""
    problem = made.problem
    last: dict[str, tuple[dt.date, str]] = {}
    for origin in problem.origins:
        for s in origin.statements:
            what = "boxes" if s.quantity.startswith("containers") else "rounds or tonnes"
            last[what] = max(last.get(what, (s.end, s.group)), (s.end, s.group))
    if not last:
        return None
    months = problem.sea.months
    first = min(day for day, _ in last.values())
    month = np.arange(len(months)) // problem.loading.load.phase_months
    sea = np.einsum("dms,ds->dm", problem.sea.lifted[made.home], made.world.per_voyage) * made.world.phases[:, month]
    arms = sea * made.world.arms_sea[:, None] + made.world.rail * made.world.arms_rail[:, None]
    after = 1.0 - window(months, months[0], first)
    share = float(np.median((arms @ after) / np.maximum(arms.sum(1), LEAST_ROUNDS)))
    told = " and ".join(f"{what} to {day} ({group})" for what, (day, group) in sorted(last.items()))
    return share, (
        f"The last published counts that are heard run for {told}. {share:.0%} of all rounds lie after {first}: there the "
        f"figure rests on less. The period ends on {problem.period[1]}; nothing later is in any figure, whatever the as-of day."
    )


def monte_carlo_error(values: Array, weights: Array, d: Array, worlds: int) -> float:
    """Largest standard error of the median and the ends of the 90 % interval, as a share of the interval's width.

    Delete-a-group jackknife over the worlds (Kott 2001), so that it holds both sources of error: few worlds, and few
    inputs to each. World d is in group d modulo 20; draws of the traffic model come in no order that this could follow.
    """
    whole = np.array(sampler.quantiles(values, weights))
    group = d % min(GROUPS, worlds)
    apart = np.array([sampler.quantiles(values, np.where(group == g, 0.0, weights)) for g in range(group.max() + 1)])
    n = len(apart)
    errors = np.sqrt((n - 1) / n * np.square(apart - apart.mean(0)).sum(0))
    width = whole[2] - whole[1]
    return float(errors.max() / width) if width > 0 else 0.0


def overlap(z: Array) -> float:
    """Share of mass that draws of a coordinate have in common with its standard normal prior.

    >>> round(overlap(np.random.default_rng(0).standard_normal(200_000)), 1)
    1.0
    """
    edges = np.linspace(-5, 5, 41)
    heard = np.histogram(np.clip(z, -4.99, 4.99), edges)[0] / len(z)
    prior = np.diff(ndtr(edges))
    return float(np.minimum(heard, prior).sum())


def prior_blocks(names: list[str]) -> dict[str, list[str]]:
    """Inputs by what they speak of."""
    blocks = {
        "load": ["load", "size_power", "boxes_per_m", "load_ashore"],
        "rail": ["rail", "growth", "before"],
        "boxes with arms": ["arms_sea", "arms_rail"],
        "rounds in a box": ["payload", "room"],
        "mix of munitions": [],
        "bias of origins": [],
    }
    for name in names:
        head = name.split(":")[0]
        where = {
            "step": "rail",
            "phase": "load",
            "share": "mix of munitions",
            "mass": "rounds in a box",
            "volume": "rounds in a box",
            "ship": "load",
            "kind": "bias of origins",
        }.get(head)
        if where and ":" in name:
            blocks[where].append(name)
    return {label: found for label, found in blocks.items() if found}


def prior_shift(z: Array, rounds: Array) -> float:
    """Shift of the median of log rounds, in standard deviations, from a prior scaled to the power 0.8 to one of 1.25
    (power-scaling sensitivity: Kallioinen and others 2023)."""
    log_prior = -0.5 * (z**2).sum(1)
    values = np.log(np.maximum(rounds, 1e-9))
    spread = values.std()
    if spread == 0:
        return 0.0
    medians = [
        sampler.quantiles(values, sampler.normalised((power - 1) * log_prior), (0.5,))[0] for power in (0.8, 1.25)
    ]
    return abs(medians[1] - medians[0]) / float(spread)


def said(name: str) -> str:
    """A latent column in words."""
    words = {
        "load": "the load of a voyage",
        "rail": "the rail stream",
        "growth": "the growth of rail",
        "arms_sea": "the share of boxes with arms",
    }
    return words.get(name, f"the bias of {name.split(':')[-1].replace('_', ' ')} origins")
