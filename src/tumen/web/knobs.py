"""Priors as sliders: what would the answer be under another assumption?

Takes the priors of loading.toml; a turned knob moves the median and carries the interval with it
(by a factor, or on the logit scale for a share). The turned case is computed beside the present
one with the same seed and the same store, so only what leans on the prior is computed.
"""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import replace
from typing import Any

from tumen.case import Case, CaseError
from tumen.case.add import _check as check_text
from tumen.case.faults import Faults
from tumen.case.loading import Prior
from tumen.case.read import read_text
from tumen.case.record import Record
from tumen.case.write import Change
from tumen.show import WORDS
from tumen.study import Study
from tumen.web.edit import EditError, Prepared, marked
from tumen.web.live import State

FILE = "loading.toml"


class KnobError(ValueError):
    """A knob cannot be turned so; the message says why."""


def knobs(case: Case) -> list[dict[str, Any]]:
    """Every prior of loading.toml as a slider: path, label, value, range, unit, reason."""
    out = []
    for path, prior in _priors(case.loading):
        low, high = (0.01, 0.99) if prior.unit == "share" else (prior.low / 1.5, prior.high * 1.5)
        out.append(
            {
                "path": path, "label": path.replace("_", " ").replace(".", ": "), "value": prior.median,
                "min": _round(low), "max": _round(high), "step": _round((high - low) / 100), "unit": prior.unit,
                "low": prior.low, "high": prior.high, "why": prior.reason,
            }
        )  # fmt: skip
    return out


def compare(state: State, turned: dict[str, str]) -> dict[str, Any]:
    """The headline with turned knobs beside the present one. Raises `KnobError`."""
    study = state.study
    assert study is not None
    wanted = _wanted(study.case, turned)
    if not wanted:
        raise KnobError("nothing was turned")
    loading: Any = study.case.loading
    for path, prior in wanted.items():
        loading = _with(loading, path.split("."), prior)
    other = Study(replace(study.case, loading=loading), study.store, study.workers, study.dask)
    other.run(until="headline")
    new = {r["figure"]: r for r in other.table("headline").to_pylist()}
    figures = [
        {"name": n, "words": WORDS[n], "unit": new[n].get("unit"), "old": state.headline[n], "new": new[n]}
        for n in WORDS
        if n in new
    ]
    return {"figures": figures, "turned": {path: prior.median for path, prior in wanted.items()}}


def change_text(state: State, turned: dict[str, str]) -> Prepared:
    """The change to loading.toml that keeps the turned knobs. Raises `KnobError` or `EditError`."""
    study = state.study
    assert study is not None
    wanted, path = _wanted(study.case, turned), study.case.folder / FILE
    faults = Faults()
    before = read_text(path, faults) or ""
    after = before
    for name, prior in wanted.items():
        after = _in_text(after, name, prior)
    try:
        check_text(study.case.folder, FILE, after)
    except CaseError as error:
        raise EditError([str(f) for f in error.faults]) from error
    return marked(Change(path, before, after))


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


def _with(value: Any, path: list[str], prior: Prior) -> Any:
    if not path:
        return prior
    if isinstance(value, dict):
        return value | {path[0]: _with(value[path[0]], path[1:], prior)}
    return value.model_copy(update={path[0]: _with(getattr(value, path[0]), path[1:], prior)})


def _in_text(text: str, name: str, prior: Prior) -> str:
    """The text with median, low and high of one prior replaced; everything else stays as it was written.

    A prior stands as a table of its own or as an inline table on one line. Raises `KnobError` for any other form.
    """
    parent, _, key = name.rpartition(".")
    start, stop = _table(text, name)
    if start < 0:
        start, stop = _table(text, parent)
        line = (
            re.compile(rf"(?m)^{re.escape(key)}[ \t]*=[ \t]*\{{.*$").search(text, max(start, 0), stop)
            if start >= 0
            else None
        )
        if line is None:
            raise KnobError(f"{name}: stands in {FILE} in a form that cannot be changed here; edit the text")
        start, stop = line.span()
    block = text[start:stop]
    for field in ("median", "low", "high"):
        block, count = re.subn(
            rf"(?m)((?:^|[{{,])[ \t]*{field}[ \t]*=[ \t]*)[-+0-9.eE_]+", rf"\g<1>{getattr(prior, field):g}", block
        )
        if count != 1:
            raise KnobError(f"{name}.{field}: not found in {FILE}; edit the text")
    after = text[:start] + block + text[stop:]
    told: Any = tomllib.loads(after)
    for part in name.split("."):
        told = told[part]
    if not math.isclose(told["median"], prior.median, rel_tol=1e-4):
        raise KnobError(f"{name}: stands in {FILE} in a form that cannot be changed here; edit the text")
    return after


def _table(text: str, name: str) -> tuple[int, int]:
    """Where the lines of a TOML table begin and end; -1 where there is no such table."""
    head = re.search(rf"(?m)^\[{re.escape(name)}\][ \t]*(#.*)?$", text)
    if head is None:
        return -1, -1
    end = re.compile(r"(?m)^\[").search(text, head.end())
    return head.end(), end.start() if end else len(text)


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _round(value: float) -> float:
    return float(f"{value:.4g}")
