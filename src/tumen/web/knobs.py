"""Priors as sliders: what would the answer be under another assumption?

Takes the priors of loading.toml; a turned knob moves the median and carries the interval with it
(by a factor, or on the logit scale for a share). What was turned is handed on as suppositions.
"""

from __future__ import annotations

import math
from typing import Any

from tumen.case import Case
from tumen.case.loading import Prior
from tumen.case.record import Record
from tumen.web.whatif import Item
from tumen.web.words import say

FILE = "loading.toml"
# Parts of loading.toml, as a reader should see them.
GROUPS = {
    "load": "What a ship loads", "stack": "Stacks ashore", "rail": "By rail", "box": "What a box holds", "munition": "Munitions, of boxes with arms",
    "use": "What can be used", "claims": "Published claims",
}  # fmt: skip


class KnobError(ValueError):
    """A knob cannot be turned so; the message says why."""


def knobs(case: Case) -> list[dict[str, Any]]:
    """Every prior of loading.toml as a slider: path, label, value, range, unit, reason."""
    out = []
    for path, prior in _priors(case.loading):
        low, high = (0.01, 0.99) if prior.unit == "share" else (prior.low / 1.5, prior.high * 1.5)
        out.append(
            {
                "path": path, **_named(path), "value": prior.median,
                "min": _round(low), "max": _round(high), "step": _round((high - low) / 100), "unit": prior.unit,
                "low": prior.low, "high": prior.high, "why": prior.reason, "why_ko": prior.reason_ko,
            }
        )  # fmt: skip
    return out


def _named(path: str) -> dict[str, Any]:
    """Heading and name of a prior for a reader, and the heading's place."""
    first, *rest = path.split(".")
    words = [say(w) for w in rest if w != "kind"] or [say(first)]
    return {"group": GROUPS.get(first, say(first)), "place": [*GROUPS, first].index(first), "label": ": ".join(words)}


def items(case: Case, turned: dict[str, str]) -> list[Item]:
    """Turned knobs as suppositions: each moves the median and carries the interval with it. Raises `KnobError`."""
    known, wanted = dict(_priors(case.loading)), _wanted(case, turned)
    if not wanted:
        raise KnobError("nothing was turned")
    return [
        Item("set", known[path].evidence_id, name, f"{getattr(prior, name):.12g}")
        for path, prior in wanted.items()
        for name in ("median", "low", "high")
    ]


def _wanted(case: Case, turned: dict[str, str]) -> dict[str, Prior]:
    """The priors that a form moves, already moved."""
    known = dict(_priors(case.loading))
    wanted = {}
    for path, text in turned.items():
        if path not in known:
            raise KnobError(f"'{path[:60]}' is no prior of {FILE}")
        try:
            value = float(text)
        except ValueError:
            raise KnobError(f"{path}: '{text[:40]}' is no number") from None
        prior = known[path]
        most = 1.0 if prior.unit == "share" else math.inf
        if not (math.isfinite(value) and 0 < value < most):
            raise KnobError(
                f"{path}: {value:g} out of range; expected a number above 0{' and below 1' if most == 1 else ''}"
            )
        if not math.isclose(value, prior.median, rel_tol=5e-3):
            median, low, high = _shifted(prior, value)
            wanted[path] = prior.model_copy(update={"median": median, "low": low, "high": high})
    return wanted


def _shifted(prior: Prior, median: float) -> tuple[float, float, float]:
    """Median, low and high after the median has moved, the interval as wide as before on its own scale."""
    if prior.unit == "share":
        shift = _logit(median) - _logit(prior.median)
        return _round(median), _round(_expit(_logit(prior.low) + shift)), _round(_expit(_logit(prior.high) + shift))
    factor = median / prior.median
    return _round(median), _round(prior.low * factor), _round(prior.high * factor)


def _priors(value: Any, path: str = "") -> list[tuple[str, Prior]]:
    if isinstance(value, Prior):
        return [(path, value)]
    found: list[tuple[str, Prior]] = []
    if isinstance(value, Record):
        for name in type(value).model_fields:
            found += _priors(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, dict):
        for name, inner in value.items():
            found += _priors(inner, f"{path}.{name}" if path else str(name))
    return found


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _round(value: float) -> float:
    return float(f"{value:.4g}")
