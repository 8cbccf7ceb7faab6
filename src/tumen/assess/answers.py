"""The answer: redlines, options, ranked packages, what would reverse the ranking, what no card answers.

Takes what `judge` gave, the balance, the indicators and responses.toml; gives the tables redlines,
options, packages, reversals, coverage and diagnostics. An influence diagram (Howard and Matheson
1984; LIMID, Lauritzen and Nilsson 2001, solved by pyAgrum) ranks packages at the middle of every
setting; the same utilities over joint draws of probabilities, harms, effects, costs, delays and
agreement say how robust that rank is. Policy only: no targets, no operations.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from tumen.assess import redlines
from tumen.assess.sheet import Z95, Values
from tumen.assess.utility import Scale
from tumen.assess.words import KOREAN, phia
from tumen.case.judge import Responses, Trades, middle, open_by
from tumen.tables import COVERAGE, DIAGNOSTICS, FRONTIER, OPTIONS, PACKAGES, REVERSALS

# How far out a reversal is looked for, in half-widths of the stated range, and in how many steps.
REACH = 3.0
STEPS = 60
AGREE = 1e-6
# A set enters the frontier when it gains this share of the most that can be gained more than the one before.
LEAST = 0.02


def answer(
    judged: Mapping[str, pa.Table],
    balance: pa.Table | None,
    indicators: pa.Table,
    trades: Trades,
    responses: Responses,
    sources: pa.Table | None,
    as_of: dt.date,
    seed: int,
) -> dict[str, pa.Table]:
    """Answer from a judgement: `judged` is what `judge` returned (tables trades and trade_draws).

    `sources` (a table of `tables.SOURCES`) tells which recorded responses were published by
    `as_of`; without it the date of the event decides. Utilities are in points a year of
    responses.toml; gains are against doing nothing.
    """
    stated, responses = responses, open_by(responses, as_of)
    draws = _draws(judged["trade_draws"])
    scale = Scale(responses)
    rng = np.random.default_rng([seed, 0xA5])
    values = scale.sheet.draws(len(next(iter(draws.values()))), rng)
    p = np.stack([draws[t] for t in scale.trades], axis=1)
    gain, cost = scale.rows(values)
    net = np.einsum("dpt,dt->dp", gain, p) - cost
    taken = scale.affordable(scale.cost(scale.member(scale.packages.values()), values), values).mean(axis=0)
    nominal = _nominal(judged["trades"], scale)

    world = redlines.world(judged["trades"], balance, trades, indicators, judged["trade_draws"])
    happened = _happened(responses, sources, as_of)
    packages, check = _packages(stated, scale, net, taken, nominal)
    options = _options(responses, scale, values, draws, happened, judged["trades"])
    return {
        "redlines": redlines.table(responses.redlines, world),
        "options": options,
        "packages": packages,
        "frontier": _frontier(scale, values, p, nominal),
        "reversals": _reversals(scale, nominal, draws),
        "coverage": _coverage(judged["trades"], responses, trades, happened),
        "diagnostics": check,
    }


def _draws(table: pa.Table) -> dict[str, np.ndarray]:
    names = np.array(table["trade"].to_pylist())
    values = table["probability"].to_numpy()
    return {str(n): values[names == n] for n in np.unique(names)}


def _nominal(table: pa.Table, scale: Scale) -> dict[str, float]:
    """Middle-of-settings probabilities on the last day."""
    rows = [r for r in table.select(["trade", "step", "nominal"]).to_pylist() if r["step"] == "as_of"]
    found = {r["trade"]: r["nominal"] for r in rows}
    return {t: found[t] for t in scale.trades}


def diagram(scale: Scale, nominal: Mapping[str, float]) -> Any:
    """The influence diagram in pyAgrum: one decision, the trades as chance nodes, a utility for each and the cost.

    Utilities add over trades, so the diagram needs the posterior of each trade and not their joint.
    """
    import pyagrum as gum

    made = gum.InfluenceDiagram()
    names = list(scale.packages)
    made.addDecisionNode(gum.LabelizedVariable("package", "package", names))
    gain, cost = scale.nominal()
    made.addUtilityNode(gum.LabelizedVariable("cost", "cost", 1))
    made.addArc("package", "cost")
    for row in range(len(names)):
        made.utility("cost")[{"package": row}] = -float(cost[row])
    for column, trade in enumerate(scale.trades):
        made.addChanceNode(gum.LabelizedVariable(trade, trade, ["no", "yes"]))
        made.cpt(trade).fillWith([1 - nominal[trade], nominal[trade]])
        utility = f"gain on {trade}"
        made.addUtilityNode(gum.LabelizedVariable(utility, utility, 1))
        made.addArc("package", utility)
        made.addArc(trade, utility)
        for row in range(len(names)):
            made.utility(utility)[{"package": row, trade: 0}] = 0.0
            made.utility(utility)[{"package": row, trade: 1}] = float(gain[row, column])
    return made


def solve(made: Any, packages: list[str]) -> tuple[str, dict[str, float]]:
    """Best package and the expected utility of each, by pyAgrum's LIMID inference."""
    import pyagrum as gum

    engine = gum.ShaferShenoyLIMIDInference(made)
    engine.makeInference()
    best = packages[int(np.argmax(engine.optimalDecision("package").toarray()))]
    utilities = {}
    for number, name in enumerate(packages):
        one = gum.ShaferShenoyLIMIDInference(made)
        one.setEvidence({"package": number})
        one.makeInference()
        utilities[name] = float(one.MEU()["mean"])
    return best, utilities


def _packages(
    responses: Responses, scale: Scale, net: np.ndarray, taken: np.ndarray, nominal: Mapping[str, float]
) -> tuple[pa.Table, pa.Table]:
    names = list(scale.packages)
    best, utilities = solve(diagram(scale, nominal), names)
    gain, cost = scale.nominal()
    ours = gain @ np.array([nominal[t] for t in scale.trades]) - cost
    gap = round(max(abs(ours[i] - utilities[n]) for i, n in enumerate(names)), 9)
    first = net.argmax(axis=1)
    order = np.argsort(-net.mean(axis=0), kind="stable")
    rank = {int(package): place for place, package in enumerate(order, 1)}
    rows = []
    for number, name in enumerate(names):
        low, mid, high = np.quantile(net[:, number], [0.05, 0.5, 0.95])
        package = responses.packages.get(name) or responses.options.get(name)
        rows.append(
            {
                "package": name,
                "label": package.label if package else "Nothing beyond what is done",
                "label_ko": package.label_ko if package else "추가 조치 없음",
                "options": scale.packages[name],
                "utility": float(ours[number]),
                "effect_median": float(mid),
                "effect_low90": float(low),
                "effect_high90": float(high),
                "rank": float(rank[number]),
                "share_best": float((first == number).mean()),
                "affordable": float(taken[number]),
                "regret": float((net.max(axis=1) - net[:, number]).mean()),
                "parents": [package.evidence_id] if package else None,
            }
        )
    top = names[int(order[0])]
    share = float((first == order[0]).mean())
    check = DIAGNOSTICS.build(
        [
            {
                "step": "answer", "name": "agreement with pyAgrum", "value": gap, "limit": AGREE, "passed": gap <= AGREE,
                "text": "largest difference between our utilities and those of pyAgrum's influence diagram",
            },
            {
                "step": "answer", "name": "ranking robust", "value": share, "limit": 0.5, "passed": share >= 0.5,
                "text": f"'{top}' ranks first in {share:.0%} of draws; the diagram at middle settings puts '{best}' first",
            },
        ]
    )  # fmt: skip
    return PACKAGES.build(sorted(rows, key=lambda r: r["rank"])), check


def _frontier(scale: Scale, values: Values, p: np.ndarray, nominal: Mapping[str, float]) -> pa.Table:
    """The best set of options at each cost: sets than which no cheaper one gains as much, at the middle of settings."""
    if not scale.options:
        return FRONTIER.empty()
    member, middle_values = scale.subsets(), scale.sheet.nominal()
    centre = np.array([nominal[t] for t in scale.trades])
    gain, cost = scale.gain(member, middle_values)[0] @ centre, scale.cost(member, middle_values)[0]
    best: list[int] = []
    for number in np.lexsort((-gain, cost)):
        if not best or gain[number] > gain[best[-1]] + LEAST * gain.max():
            best.append(int(number))
    drawn = np.einsum("dpt,dt->dp", scale.gain(member[best], values), p)
    prices = scale.cost(member[best], values)
    within = scale.affordable(prices, values).mean(axis=0)
    named = {frozenset(o): n for n, o in scale.packages.items()}
    rows = []
    for place, number in enumerate(best):
        chosen = [n for n, m in zip(scale.options, member[number], strict=True) if m]
        before = {n for n, m in zip(scale.options, member[best[place - 1]], strict=True) if m} if place else set()
        low, high = np.quantile(drawn[:, place], [0.05, 0.95])
        step = cost[number] - cost[best[place - 1]] if place else 0.0
        rows.append(
            {
                "step": float(place),
                "options": chosen,
                "package": named.get(frozenset(chosen)),
                "added": [n for n in chosen if n not in before],
                "dropped": sorted(before - set(chosen)),
                "cost": float(cost[number]),
                "gain": float(gain[number]),
                "gain_low90": float(low),
                "gain_high90": float(high),
                "gain_per_point": float((gain[number] - gain[best[place - 1]]) / step) if step > 0 else None,
                "affordable": float(within[place]),
                "parents": [scale.responses.options[n].evidence_id for n in chosen] or None,
            }
        )
    return FRONTIER.build(rows)


def _alone(scale: Scale, values: Values, name: str, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Gain of one option taken alone, by draw."""
    option = scale.responses.options[name]
    acting = scale.acting(name, values)
    out = -values[f"options.{name}.cost"] * values[f"options.{name}.agreed"]
    for trade in option.effect:
        harm = values[f"utility.harm.{trade}"] * draws[trade]
        out = out + harm * values[f"options.{name}.effect.{trade}"] * acting
    return out


def _options(
    responses: Responses,
    scale: Scale,
    values: Values,
    draws: Mapping[str, np.ndarray],
    happened: Mapping[str, list],
    table: pa.Table,
) -> pa.Table:
    if not responses.options:
        return OPTIONS.empty()
    alone = {n: _alone(scale, values, n, draws) for n in responses.options}
    net = np.stack(list(alone.values()), axis=1)
    order = np.argsort(-net.mean(axis=0), kind="stable")
    rank = {int(o): place for place, o in enumerate(order, 1)}
    first = net.argmax(axis=1)
    live = {r["trade"] for r in table.select(["trade", "step", "probability"]).to_pylist()
            if r["step"] == "as_of" and r["probability"] >= 0.5}  # fmt: skip
    rows = []
    for number, (name, option) in enumerate(responses.options.items()):
        low, mid, high = np.quantile(alone[name], [0.05, 0.5, 0.95])
        done = happened.get(name, [])
        rows.append(
            {
                "option": name,
                "card": option.card,
                "label": option.label,
                "label_ko": option.label_ko,
                "text": option.text,
                "text_ko": option.text_ko,
                "acts_on": list(option.effect),
                "cost": f"{option.cost_word}: {option.cost_note}",
                "cost_low90": option.cost[0],
                "cost_high90": option.cost[1],
                "agreed": middle(option.agreed),
                "delay_days": float(np.sqrt(max(option.delay_days[0], 1e-9) * max(option.delay_days[1], 1e-9))),
                "who_must_agree": option.who_must_agree,
                "effect_median": float(mid),
                "effect_low90": float(low),
                "effect_high90": float(high),
                "rank": float(rank[number]),
                "share_best": float((first == number).mean()),
                "status": f"{done[-1].date}: {done[-1].event} ({done[-1].outcome})" if done else "nothing on record",
                "status_on": done[-1].date.last() if done else None,
                "covered": bool(live & set(option.effect)),
                "parents": [option.evidence_id, *(h.evidence_id for h in done)],
            }
        )
    return OPTIONS.build(sorted(rows, key=lambda r: r["rank"]))


def _happened(responses: Responses, sources: pa.Table | None, as_of: dt.date) -> dict[str, list]:
    """What came of each option by the as-of date, oldest first."""
    out: dict[str, list] = {}
    told = {}
    if sources is not None:
        told = dict(zip(sources["source_id"].to_pylist(), sources["published"].to_pylist(), strict=True))
    for row in sorted(responses.record, key=lambda r: r.date.last()):
        published = told.get(row.source) or row.date.last()
        if published <= as_of and row.date.first() <= as_of:
            out.setdefault(row.option, []).append(row)
    return out


def _reversals(scale: Scale, nominal: Mapping[str, float], draws: Mapping[str, np.ndarray]) -> pa.Table:
    """Move each setting, and each trade's probability, alone until another package ranks first."""
    names = list(scale.packages)
    centre = np.array([nominal[t] for t in scale.trades])
    gain, cost = scale.nominal()
    now = int((gain @ centre - cost).argmax())
    steps = np.linspace(-REACH, REACH, 2 * STEPS + 1)
    rows: list[dict[str, Any]] = []
    size = len(scale.sheet.names)
    z = np.zeros((size * len(steps), size))
    for column in range(size):
        z[column * len(steps) : (column + 1) * len(steps), column] = steps * Z95
    moved = scale.sheet.values(z)
    gains, costs = scale.rows(moved)
    net = (gains @ centre - costs).reshape(size, len(steps), -1)
    at = moved.rows.reshape(size, len(steps), size)
    for column, name in enumerate(scale.sheet.names):
        bounds = scale.sheet.low[column], scale.sheet.high[column]
        rows.extend(_turn(name, bounds, steps, at[column, :, column], net[column], now, names))
    for column, trade in enumerate(scale.trades):
        low, high = (float(q) for q in np.quantile(draws[trade], [0.05, 0.95]))
        down, up = max(centre[column] - low, 1e-9), max(high - centre[column], 1e-9)
        line = np.clip(np.where(steps < 0, centre[column] + steps * down, centre[column] + steps * up), 0, 1)
        p = np.repeat(centre[None], len(steps), axis=0)
        p[:, column] = line
        rows.extend(_turn(f"probability.{trade}", (low, high), steps, line, p @ gain.T - cost, now, names))
    rows.sort(key=lambda r: (r["distance"], r["assumption"]))
    for rank, row in enumerate(rows, 1):
        row["rank"] = rank
    return REVERSALS.build(rows) if rows else REVERSALS.empty()


def _turn(
    name: str, bounds: tuple[float, float], steps: np.ndarray, at: np.ndarray, net: np.ndarray, now: int, names: list
) -> list[dict[str, Any]]:
    best = net.argmax(axis=1)
    centre = len(steps) // 2
    found: dict[str, dict[str, Any]] = {}
    for side in (range(centre - 1, -1, -1), range(centre + 1, len(steps))):
        turn = next((i for i in side if best[i] != now), None)
        if turn is None:
            continue
        distance = abs(float(steps[turn]))
        row = {
            "assumption": name, "stated_low": bounds[0], "stated": float(at[centre]), "stated_high": bounds[1],
            "turns_at": float(at[turn]), "first_now": names[now], "first_then": names[int(best[turn])],
            "distance": distance, "within_range": distance <= 1,
        }  # fmt: skip
        key = row["first_then"]
        if key not in found or found[key]["distance"] > distance:
            found[key] = row
    return list(found.values())


def _coverage(table: pa.Table, responses: Responses, trades: Trades, happened: Mapping[str, list]) -> pa.Table:
    """Each trade and each part: which option and card acts on it, directly or through its parts."""
    rows = []
    now = [r for r in table.to_pylist() if r["step"] == "as_of" and r["kind"] in ("trade", "part")]
    for row in now:
        name = row["trade"]
        reach = {name, *trades.hypotheses[name].any_of}
        acting = [n for n, o in responses.options.items() if reach & set(o.effect)]
        cards = sorted({responses.options[n].card for n in acting})
        effects = [
            middle(responses.options[n].effect[t]) for n in acting for t in reach & set(responses.options[n].effect)
        ]
        done = [n for n in acting if any(h.outcome in ("done", "reported") for h in happened.get(n, []))]
        open_parts = [
            t for t in trades.hypotheses[name].any_of if not any(t in o.effect for o in responses.options.values())
        ]
        english, korean = _coverage_words(row, acting, done, open_parts, trades)
        rows.append(
            {
                "trade": name,
                "label": row["label"],
                "label_ko": row["label_ko"],
                "probability": row["probability"],
                "live": row["probability"] >= 0.5,
                "options": acting,
                "cards": cards,
                "effect_best": max(effects) if effects else None,
                "done": done,
                "covered": bool(acting),
                "text": english,
                "text_ko": korean,
                "parents": [responses.options[n].evidence_id for n in acting] or None,
            }
        )
    return COVERAGE.build(rows) if rows else COVERAGE.empty()


def _coverage_words(
    row: dict, acting: list[str], done: list[str], open_parts: list[str], trades: Trades
) -> tuple[str, str]:
    word = phia(row["probability"])
    english, korean = f"{row['label']} ({word}): ", f"{row['label_ko']} ({KOREAN[word]}): "
    if not acting:
        return english + "no card answers it.", korean + "대응하는 카드가 없다."
    english += f"{len(acting)} option{'s' if len(acting) > 1 else ''} act on it, {len(done)} with something done"
    korean += f"{len(acting)}개 수단이 작용하고 그중 {len(done)}개는 실행된 것이 있다"
    if open_parts:
        english += "; no card answers " + ", ".join(trades.hypotheses[p].label.lower() for p in open_parts)
        korean += "; 대응 카드 없음: " + ", ".join(trades.hypotheses[p].label_ko for p in open_parts)
    return english + ".", korean + "."
