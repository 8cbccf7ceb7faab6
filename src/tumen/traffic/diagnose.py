"""What a reader must know before trusting a count: effective numbers, priors felt, contradictions.

Takes `Counted` ports; gives rows of `tables.DIAGNOSTICS`. Sensitivities are had by reweighting the
parameter points and draws, or by a small second run without the thing in question.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from tumen.traffic.counting import Counted, PortCase, choices
from tumen.traffic.paths import LEAST_LIVE_POINTS, Evidence, draw_paths
from tumen.traffic.points import Weighted, integrate
from tumen.traffic.prior import NAMES
from tumen.traffic.totals import DaysEvidence, Part, TotalEvidence, common_nodes

STEP = "count"
# A run made only to see a difference is small and stops at the end of the period: its Monte Carlo error is about 0.1 sd.
_SECOND_RUN = 1500
_SECOND_POINTS = 64


def diagnostics(
    counted: Sequence[Counted],
    conflicts: Sequence[str],
    second: SecondRuns,
    tied: float | None = None,
    remarks: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """All rows. `tied` is the effective number of joint draws of several ports, `remarks` totals of none of them."""
    rows = []
    if tied is not None:
        least = counted[0].case.settings.min_effective_paths
        ports = ", ".join(c.case.place for c in counted)
        text = f"What is seen at the ports of discharge ties {ports}: {tied:.0f} effective joint draws."
        rows.append(_row("effective joint draws of ports", tied, least, tied >= least, text))
    for number, text in enumerate(remarks, 1):
        rows.append(_row(f"total not used {number}, all ports", 1.0, None, True, text))
    for number, sentence in enumerate(conflicts, 1):
        rows.append(
            _row(
                f"contradiction {number}",
                float(number),
                0.0,
                False,
                sentence + "; the name is set aside, the ship is kept",
            )
        )
    for c in counted:
        rows += (
            _settings(c)
            + _beginning(c)
            + _effective(c)
            + _overlap(c)
            + _sensitivity(c, second)
            + _conflicts(c)
            + _surprises(c)
        )
    return rows


def _row(name: str, value: float, limit: float | None, passed: bool, text: str) -> dict[str, Any]:
    return {"step": STEP, "name": name, "value": float(value), "limit": limit, "passed": bool(passed), "text": text}


def _settings(c: Counted) -> list[dict[str, Any]]:
    """What a brief must name: a wrong number here moves the count more than any look does."""
    s, place = c.case.settings, c.case.place
    dwell, share, false = s.dwell_at(place), s.collector_share, s.false_sighting
    odds = share.median / (1 - share.median)
    low, high = (odds * f / (1 + odds * f) for f in (1 / share.factor, share.factor))
    chosen = s.selection_odds.median if s.selection else 1.0
    text = (
        f"The count at {place} takes as given: {c.case.berths} berths of the route; another ship in the berth taken for one "
        f"of the route on {s.other_ships_in_berth:.0%} of days, and {false.median:.0%} misreadings; stays of "
        f"{dwell.median:g} days ({dwell.median / dwell.factor:.1f} to {dwell.median * dwell.factor:.1f}); collectors who find "
        f"{share.median:.0%} ({low:.0%} to {high:.0%}) of the visits; odds of {chosen:.0f} that a look bought because a ship was "
        f"expected meets one"
        + (
            f"; reports that tell {s.reported_share.median:.0%} of the days with a ship while somebody watches."
            if c.case.problem.watches
            else "."
        )
    )
    return [_row(f"settings of the count, {place}", float(c.case.berths), None, True, text)]


def _beginning(c: Counted) -> list[dict[str, Any]]:
    """Ships that lay in port when the period began: they sail, but came before it."""
    if c.case.settings.starts_empty:
        return []
    share = float((c.paths.lying > 0).mean())
    text = f"At {c.case.place} a ship lay in port when the period began in {share:.0%} of the draws. It is no visit of the "
    text += "period; where it sailed laden, its voyage is counted."
    return [_row(f"in port at the start, {c.case.place}", float(c.paths.lying.mean()), None, True, text)]


def _effective(c: Counted) -> list[dict[str, Any]]:
    s, place = c.case.settings, c.case.place
    points = c.weighted.effective
    paths = c.paths.lineages
    left, live = len(np.unique(c.paths.point)), c.paths.live_points
    return [
        _row(
            f"effective parameter points, {place}",
            points,
            s.min_effective_points,
            points >= s.min_effective_points and live >= LEAST_LIVE_POINTS,
            f"The parameters at {place} rest on {points:.0f} effective points after {c.weighted.rounds} rounds; "
            f"{left} distinct ones survive the published totals, worth {live:.0f} (at least {LEAST_LIVE_POINTS:.0f}).",
        ),
        _row(
            f"distinct paths, {place}",
            paths,
            s.min_effective_paths,
            paths >= s.min_effective_paths,
            f"{paths} distinct paths at {place} survive the published totals; the hardest was {c.paths.lowest_at}, "
            f"which left {c.paths.lowest_effective:.0f} effective draws.",
        ),
    ]


def _overlap(c: Counted) -> list[dict[str, Any]]:
    """Share of each parameter's posterior that lies under its prior: near 1, the prior speaks."""
    from scipy.special import ndtr

    rows = []
    live = {
        "rate walk": c.case.settings.drift,
        "campaign": c.case.settings.pauses,
        "pause": c.case.settings.pauses,
        "selection": c.case.settings.selection and any(o.chosen and not o.told for o in c.case.looks.observations),
        "reports": bool(c.case.problem.watches),
        "AIS": c.case.problem.heard is not None,
    }
    edges = np.linspace(-3.0, 3.0, 13)
    prior = np.diff(ndtr(np.concatenate([[-np.inf], edges, [np.inf]])))
    z = c.paths.points.z[c.paths.point]
    for j, name in enumerate(NAMES):
        if not live.get(name, True):
            continue
        posterior = np.bincount(np.searchsorted(edges, z[:, j]), minlength=len(prior)) / len(z)
        overlap = float(np.minimum(prior, posterior).sum())
        far = abs(float(z[:, j].mean())) > 2.0
        rows.append(
            _row(
                f"prior-posterior overlap, {name}, {c.case.place}",
                overlap,
                None,
                not far,
                f"The posterior of {name} at {c.case.place} shares {overlap:.0%} with its prior"
                + ("; it lies at the prior's edge: look at that prior." if far else "."),
            )
        )
    return rows


def _total(c: Counted) -> np.ndarray:
    return c.paths.arrivals(0, c.case.end_unit).astype(float)


def _sensitivity(c: Counted, second: SecondRuns) -> list[dict[str, Any]]:
    total = _total(c)
    place, sd = c.case.place, max(float(total.std()), 1e-9)
    base = float(total.mean())
    rows = []
    rate_prior = c.case.settings.rate_per_day
    if rate_prior.sd_log > 0:
        z = c.paths.points.z[c.paths.point, NAMES.index("rate")]
        rows.append(_shifted("rate prior", z, np.log(1.5) / rate_prior.sd_log, "1.5", total, base, sd, place))
    dwell = c.case.settings.dwell_at(place)
    if dwell.sd_log > 0:
        z = c.paths.points.z[c.paths.point, 0]
        rows.append(_shifted("dwell prior", z, np.log(1.25) / dwell.sd_log, "1.25", total, base, sd, place))
    rows += _collectors(c, total, base, sd)
    rows += _second_runs(c, base, sd, second)
    return rows


def _collectors(c: Counted, total: np.ndarray, base: float, sd: float) -> list[dict[str, Any]]:
    """What each collector's count is of what came, and how far the answer leans on the prior of that share."""
    rows, place = [], c.case.place
    parts: dict[str, list[Part]] = {}
    for e in c.case.evidence:
        if isinstance(e, TotalEvidence):
            parts.setdefault(e.group, []).append(e.part)
    for group, own in parts.items():
        counted = sum(p.low for p in own)
        came = sum(c.paths.arrivals(p.first, p.last) * p.share for p in own)
        low, mid, high = np.quantile(counted / np.maximum(came, 1.0), [0.05, 0.5, 0.95])
        text = f"The {counted} that {group.partition(',')[0]} counted ({group.partition(', ')[2]}) are {mid:.0%} "
        text += f"({low:.0%} to {high:.0%}) of what is held to have passed then"
        text += ": more than all; look at its scope or at the shares of the destinations." if mid > 1 else "."
        rows.append(_row(f"share counted, {group}", mid, 1.0, mid <= 1.0, text))
    common = [value for name, value in c.paths.carried.items() if name.startswith("common ")]
    prior = c.case.settings.collector_share
    nodes = common_nodes(prior.sd_logit, c.case.settings.collector_correlation)
    if not common or nodes.std() == 0:
        return rows
    together = sum(common[1:], common[0]).astype(float)
    moves = []
    for shift in (-np.log(1.5), np.log(1.5)):
        tilt = np.exp(shift * nodes / nodes.var())
        likelihood = np.exp(together - together.max(0))
        weight = (tilt / tilt.sum()) @ likelihood / likelihood.mean(0)
        moves.append(float(weight @ total / weight.sum()) - base)
    worst = max(moves, key=abs)
    rows.append(
        _row(
            f"sensitivity to the collectors' share, {place}",
            abs(worst) / sd,
            1.0,
            abs(worst) / sd <= 1.0,
            f"If collectors were held to find a smaller or larger part of the visits (odds by a factor of 1.5 from "
            f"{prior.median:.0%}), the mean of {base:.0f} visits that the count of {place} alone gives would move by {moves[0]:+.1f} or {moves[1]:+.1f}.",
        )
    )
    return rows


def _shifted(
    name: str, z: np.ndarray, shift: float, factor: str, total: np.ndarray, base: float, sd: float, place: str
) -> dict[str, Any]:
    """Largest move of the mean total, in standard deviations, when a prior's median is moved up or down."""
    moves = []
    for sign in (-1, 1):
        log_w = sign * shift * z
        w = np.exp(log_w - log_w.max())
        moves.append(float((w / w.sum()) @ total) - base)
    worst = max(moves, key=abs)
    return _row(
        f"sensitivity to the {name}, {place}",
        abs(worst) / sd,
        0.5,
        abs(worst) / sd <= 0.5,
        f"Moving the median of the {name} at {place} by a factor of {factor} moves the mean of "
        f"{base:.0f} visits that the count alone gives by "
        f"{min(moves):+.1f} to {max(moves):+.1f}.",
    )


class SecondRuns:
    """Runs without the published totals, and with every look taken as a random sample, of each port.

    They need a port's parameters, not its paths, so they are drawn beside those on another core. Each has a generator of
    its own, so that when it runs changes no draw.
    """

    def __init__(self, cases: Sequence[PortCase], rng: np.random.Generator) -> None:
        self._threads = ThreadPoolExecutor(1)
        self._seeds = {case.place: rng.spawn(2) for case in cases}
        self._alone: dict[str, Future[np.ndarray] | None] = {}
        self._blind = {
            case.place: self._threads.submit(_blind, case, self._seeds[case.place][1])
            for case in cases
            if case.settings.selection and any(o.chosen for o in case.looks.observations)
        }

    def __enter__(self) -> SecondRuns:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def begin(self, case: PortCase, weighted: Weighted) -> None:
        """Start the run without totals, where there are any; the parameters of its looks stand."""
        rest = [e for e in case.evidence if not isinstance(e, TotalEvidence | DaysEvidence)]
        own = self._seeds[case.place][0]
        some = len(rest) < len(case.evidence)
        self._alone[case.place] = self._threads.submit(_small_run, case, weighted, rest, own) if some else None

    def alone(self, c: Counted) -> np.ndarray | None:
        """Visits of the period without the totals; None where there are none."""
        if c.case.place not in self._alone:
            self.begin(c.case, c.weighted)
        future = self._alone[c.case.place]
        return None if future is None else future.result()

    def blind(self, c: Counted) -> float | None:
        """Mean number of visits with every look a random sample; None where no look was chosen."""
        future = self._blind.get(c.case.place)
        return None if future is None else future.result()


def _second_runs(c: Counted, base: float, sd: float, second: SecondRuns) -> list[dict[str, Any]]:
    """What the second runs show."""
    rows = []
    place = c.case.place
    bare, blind = second.alone(c), second.blind(c)
    if bare is not None:
        share = 1.0 - min(1.0, (sd / max(float(bare.std()), 1e-9)) ** 2)
        rows.append(
            _row(
                f"share of information from totals, {place}",
                share,
                None,
                True,
                f"Published totals hold {share:.0%} of what is known of the number of visits at {place}: looks alone "
                f"give {np.quantile(bare, 0.05):.0f} to {np.quantile(bare, 0.95):.0f} (90 %).",
            )
        )
    if blind is not None:
        moved = blind - base
        rows.append(
            _row(
                f"choice of looks, {place}",
                moved / sd,
                None,
                True,
                f"Taking every look at {place} as a random sample of hours would move the mean of {base:.0f} visits by {moved:+.1f}.",
            )
        )
    return rows


def _small_run(
    case: PortCase, weighted: Weighted, evidence: Sequence[Evidence], rng: np.random.Generator
) -> np.ndarray:
    """Draws of the visits of the period from a small run."""
    pieces = sorted([*evidence, *choices(case.problem, case.settings)], key=lambda e: e.unit)
    paths = draw_paths(case.problem, weighted, case.end_unit, pieces, _SECOND_RUN, rng, most_points=_SECOND_POINTS)
    return paths.arrivals(0, case.end_unit).astype(float)


def _blind(case: PortCase, rng: np.random.Generator) -> float:
    """Mean number of visits where every look is taken as a random sample of hours."""
    seen = tuple(replace(o, chosen=False, told=False) for o in case.looks.observations)
    small = case.settings.model_copy(
        update={"parameter_points": _SECOND_POINTS, "min_effective_points": 10.0, "reports_gathered": False}
    )
    blind = replace(case, looks=replace(case.looks, observations=seen), settings=small)
    weighted = integrate(blind.problem, small, small.dwell_at(blind.place), rng)
    return float(_small_run(blind, weighted, blind.evidence, rng).mean())


def _conflicts(c: Counted) -> list[dict[str, Any]]:
    rows = []
    for number, text in enumerate(c.case.looks.conflicts, 1):
        rows.append(_row(f"look in doubt {number}, {c.case.place}", 1.0, 0.0, False, text))
    for number, text in enumerate(c.case.remarks, 1):
        rows.append(_row(f"total not used {number}, {c.case.place}", 1.0, None, True, text))
    if anchored := c.case.looks.at_anchor:
        text = f"Ships at anchor off the berths of {c.case.place} count as no visit: {_few(anchored)}."
        rows.append(_row(f"ships at anchor, {c.case.place}", float(len(anchored)), None, True, text))
    return rows


def _few(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _surprises(c: Counted) -> list[dict[str, Any]]:
    """Totals that the rest of the evidence would hardly have expected."""
    rows = []
    for name, value in c.paths.surprise.items():
        if name.startswith(("choice", "reports", "span", "far look")) or value > -6.0:
            continue
        rows.append(
            _row(
                f"surprising: {name}, {c.case.place}",
                value,
                -6.0,
                False,
                f"{name} has a log probability of {value:.1f} given all other evidence at {c.case.place}: "
                "check its period, its scope and what it counts.",
            )
        )
    return rows
