"""What to look for next: the expected value of each possible observation, in bits and for the decision.

Takes the network as of one day and the observations of trades.toml; for each, updates on "seen"
and on "looked and not seen" and weighs the two by how likely they are. Value in bits is the
mutual information between the observation and its node (Lindley 1956); decision value is the
expected gain from choosing the options after the observation instead of before
(Raiffa and Schlaifer 1961), never negative.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tumen.assess.evidence import of_sign, to_come
from tumen.assess.words import place
from tumen.case.judge import Observation, Responses, Trades
from tumen.tables import COLLECT

if TYPE_CHECKING:
    from tumen.assess.judgement import Snapshot


# Differences of utility below this are rounding.
ROUNDING = 1e-9


def table(trades: Trades, now: Snapshot, responses: Responses | None, hidden: Collection[str] = ()) -> pa.Table:
    """Table `collect`, best first by bits; observations that lean on a source in `hidden` are left out."""
    looks = {n: o for n, o in trades.collect.items() if o.source not in hidden}
    if not looks:
        return COLLECT.empty()
    extra, chance_pairs = [], []
    for look in looks.values():
        depend = now.values[f"grades.reliability.{look.grade[0]}"] * now.values[f"grades.credibility.{look.grade[1]}"]
        sides = []
        hit, false_alarm = to_come(look.sign, trades, now.found, now.values)
        for seen in (True, False):
            true, false, blind = of_sign(hit, false_alarm, seen)
            sides.append((depend * true + (1 - depend) * blind, depend * false + (1 - depend) * blind))
            extra.append((look.trade, *sides[-1]))
        chance_pairs.append(sides)
    before, after = now.posterior(), now.added(extra)
    gains = _decision(looks, now, responses, before, after, chance_pairs)
    rows: list[dict[str, Any]] = []
    for number, (name, look) in enumerate(looks.items()):
        node = now.names.index(look.trade)
        p = before[:, node]
        true, false = chance_pairs[number][0]
        seen = p * true + (1 - p) * false
        if_seen, if_not = after[:, 2 * number, node], after[:, 2 * number + 1, node]
        bits = _bits(p) - seen * _bits(if_seen) - (1 - seen) * _bits(if_not)
        low, high = np.quantile(bits, [0.05, 0.95])
        turn = seen * (place(if_seen) != place(p)) + (1 - seen) * (place(if_not) != place(p))
        rows.append(
            {
                "observation": name,
                "text": look.label,
                "text_ko": look.label_ko,
                "where": look.where,
                "where_ko": look.where_ko,
                "when": look.when,
                "when_ko": look.when_ko,
                "trade": look.trade,
                "grade": look.grade,
                "chance_seen": float(seen.mean()),
                "if_seen": float(if_seen.mean()),
                "if_not_seen": float(if_not.mean()),
                "value": float(bits.mean()),
                "value_low90": float(low),
                "value_high90": float(high),
                "turns_word": float(turn.mean()),
                "decision_value": None if gains is None else gains[number],
                "parents": [look.evidence_id],
            }
        )
    _rank(rows, "value", "rank")
    if gains is not None:
        _rank(rows, "decision_value", "rank_decision")
    return COLLECT.build(sorted(rows, key=lambda r: r["rank"]))


def _bits(p: np.ndarray) -> np.ndarray:
    """Entropy of a yes-or-no question, bits."""
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))


def _rank(rows: list[dict[str, Any]], by: str, into: str) -> None:
    for rank, row in enumerate(sorted(rows, key=lambda r: (-r[by], -r["value"], r["observation"])), 1):
        row[into] = float(rank)


def _decision(
    looks: Mapping[str, Observation],
    now: Snapshot,
    responses: Responses | None,
    before: np.ndarray,
    after: np.ndarray,
    chance_pairs: list,
) -> list[float] | None:
    """Expected gain of choosing the options after each observation, at the middle of the responses' settings.

    The choice is free among all sets of options, not only the stated packages: a package that
    holds every cheap card is seldom overturned as a whole, while one card in it is.
    """
    if responses is None or not responses.options:
        return None
    from tumen.assess.utility import Scale

    scale = Scale(responses)
    member, middle = scale.subsets(), scale.sheet.nominal()
    prices = scale.cost(member, middle)
    member = member[scale.affordable(prices, middle)[0]]
    gain, cost = scale.gain(member, middle)[0], scale.cost(member, middle)[0]
    columns = [now.names.index(t) for t in scale.trades]

    # Utility is linear in the probabilities, so means over settings draws suffice for the choice.
    def best(p: np.ndarray) -> float:
        return float((gain @ p - cost).max())

    out = []
    for number, look in enumerate(looks.values()):
        node = now.names.index(look.trade)
        true, false = chance_pairs[number][0]
        seen = before[:, node] * true + (1 - before[:, node]) * false
        share = float(seen.mean())
        yes = (seen[:, None] * after[:, 2 * number, columns]).mean(axis=0) / share
        no = ((1 - seen)[:, None] * after[:, 2 * number + 1, columns]).mean(axis=0) / (1 - share)
        # What is believed now is the mixture of what would be believed then, so rounding alone gives no gain.
        value = share * best(yes) + (1 - share) * best(no) - best(share * yes + (1 - share) * no)
        out.append(value if value > ROUNDING else 0.0)
    return out
