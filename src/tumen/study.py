"""A case as of a day with its results: computes what changed, keeps the rest.

Takes a case and the steps of `run.py`; gives every table of the chain, from the store where
nothing it depends on has changed. A step's key is the hash of its inputs, settings, seed and
code, so one changed row computes only what stands on it. Beside that key stands one of what the step heeds (`views`):
where only a remark or a row that it does not read changed, the kept result gets the present evidence ids.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import tumen
from tumen.case import Case
from tumen.case.record import Record, content_id
from tumen.engine import cores, give_back, one_thread
from tumen.evidence import Evidence, Node
from tumen.run import STEPS, Inputs, RunError, Step
from tumen.store import RunRecord, StepRecord, Store, code_version, stamp, step_key, table_hash
from tumen.tables import DIAGNOSTICS, TABLES
from tumen.views import put_back, stand_in, stand_ins

Tables = dict[str, pa.Table]
# Steps side by side: front beside account and judge. More never wait for one another.
MOST_AT_ONCE = 2


@dataclass
class Study:
    """A case as of a day, with its results: `tumen.open("cases/najin").headline()`.

    Attributes: `case`, the text as of the day; `store`, where results live.
    """

    case: Case
    store: Store
    workers: int = 1
    dask: str | None = None
    progress: Callable[[str, str], None] = field(default=lambda step, state: None)
    _digests: dict[str, str] = field(default_factory=dict)
    _steps: dict[str, StepRecord] = field(default_factory=dict)
    _made_by: dict[str, str] = field(default_factory=dict)
    _left_out: dict[str, str] = field(default_factory=dict)
    # Tables of the present run that a later step reads, by hash.
    _fresh: dict[str, pa.Table] = field(default_factory=dict)
    _told: dict[tuple[str, str | None], str] = field(default_factory=dict)

    # --- the chain ----------------------------------------------------------------------

    def run(self, until: str | None = None) -> RunRecord:
        """Do every step (or all up to `until`) and make the result the current answer.

        A step for which the case lacks a file is left out, and so is what stands on it; `left_out` tells.
        """
        last = next((i for i, step in enumerate(STEPS) if step.name == until), len(STEPS) - 1)
        self._chain(STEPS[: last + 1])
        record = RunRecord(
            as_of=self.case.settings.as_of.isoformat(),
            tumen=tumen.__version__,
            steps={name: s.key for name, s in self._steps.items()},
            tables=dict(self._digests),
        )
        if until is None:
            self.store.save_run(record)
        return record

    def table(self, name: str) -> pa.Table:
        """A table of the chain or of the case; steps that are missing are done first.

        Raises `KeyError` for a name that no step gives.
        """
        if name == "diagnostics":
            return self._all_diagnostics()
        if name not in self._digests:
            if name in self._case_tables and not any(name in s.gives for s in STEPS):
                return self._case_tables[name]
            self._do_for(name)
        found = self.store.get(self._digests[name])
        if found is None:  # someone emptied the store since
            self._digests.clear()
            self._do_for(name)
            found = self.store.get(self._digests[name])
        assert found is not None
        return found

    @property
    def left_out(self) -> dict[str, str]:
        """The steps that this case cannot do, each with the reason."""
        return dict(self._left_out)

    def why_empty(self, table: str) -> str | None:
        """Why nothing was computed for a table; None where its step was done."""
        makers = (s.name for s in STEPS if table in {g.split("@")[0] for g in s.gives})
        return next((f"{maker}: {self._left_out[maker]}" for maker in makers if maker in self._left_out), None)

    def names(self) -> list[str]:
        """Every table that this study can show."""
        given = {g.split("@")[0] for s in STEPS for g in s.gives}
        return sorted(given | set(self._case_tables))

    def headline(self) -> dict[str, Any]:
        """The answer as plain data: the stable face for machines (keys as in the README)."""
        from tumen.headline import as_data

        self.run()
        tables = {n: self.table(n) for n in ("headline", "trades", "redlines", "options", "diagnostics")}
        return as_data(tables, self.case.settings.as_of, self.case.settings.simulated, self.left_out)

    def so_far(self) -> str:
        """Visits and rounds in words while later steps are still at work, for a progress callback; empty before the count.

        Until the weighing is done the visits are those that the count alone gives.
        """
        from tumen.headline import so_far

        counted = next((n for n in ("visits", "visits@count") if n in self._digests), None)
        if counted is None:
            return ""
        key = self._digests[counted], self._digests.get("cargo")
        if key not in self._told:
            cargo = self._input("cargo") if key[1] else None
            origins = [p["place"] for p in self._case_tables["places"].to_pylist() if p["role"] == "origin"]
            self._told[key] = so_far(self._input(counted), cargo, origins)
        return self._told[key]

    def count(self) -> Tables:
        """Visits and voyages: the tables of the step `count`."""
        return self._given_by("count")

    def weigh(self) -> Tables:
        """Containers and rounds, claims compared: the tables of the step `weigh`."""
        return self._given_by("weigh")

    def account(self) -> Tables:
        """The two-way account: the tables of the step `account`."""
        return self._given_by("account")

    def judge(self) -> Tables:
        """How the rest is being paid: the tables of the step `judge`."""
        return self._given_by("judge")

    def backtest(self, day: dt.date) -> pa.Table:
        """What would have been foretold on a day, scored by what was published after it: BACKTEST.

        The study must know the later claims: open it with its own `as_of`. A naive straight line and
        a model of constant rate stand beside. Raises `RunError` for a day outside the case.
        """
        from tumen.cargo import backtest as cargo_backtest
        from tumen.cargo import last_day, steady
        from tumen.case.traffic_settings import TrafficSettings
        from tumen.traffic import backtest

        start, end = self.case.settings.period
        if not start < day <= self.case.settings.as_of:
            raise RunError(
                f"{day}: outside the case, expected a day after {start} and not after {self.case.settings.as_of}"
            )
        # A quiet stretch or a hull's absence that was told later is not known on the day.
        then = self.case.as_of(day)
        settings = then.settings.traffic or TrafficSettings()
        looks, sightings = self.table("looks"), self.table("sightings")
        claims, places, vessels = (self._case_tables[n] for n in ("claims", "places", "vessels"))
        until = last_day(claims, then.loading, day, start) if then.loading is not None else None
        seed = self.case.settings.seed
        given = (claims, places, vessels, settings, (start, end), day, seed_for(seed, "count"))
        with one_thread():
            ships = backtest(looks, *given, until=None if until is None else max(until, day))
            if then.loading is None or until is None:
                return ships.scores
            loadings = {"tumen": then.loading, "constant rate": steady(then.loading)}
            flows = {name: (ships.voyages[name], loading) for name, loading in loadings.items()}
            known, period = then.tables()["vessels"], (start, max(until, day))
            cargo = cargo_backtest(flows, looks, sightings, claims, known, period, day, seed_for(seed, "weigh"))
        return pa.concat_tables([ships.scores, cargo])

    def judgements(self) -> pa.Table:
        """The judgements of this day, ready to be kept until the truth is known: JUDGEMENTS."""
        from tumen.assess import keep

        if self.case.trades is None:
            raise RunError(f"{self.case.folder}: trades.toml is missing; there are no judgements to keep")
        return keep(self.table("trades"), self.case.trades)

    # --- evidence -----------------------------------------------------------------------

    @cached_property
    def evidence(self) -> Evidence:
        """Resolves every evidence id of this study."""
        if not self._steps:
            self.run()
        return Evidence(
            tables=lambda name: (
                self.store.get(self._digests[name]) if name in self._digests else self._case_tables.get(name)
            ),
            names=[*self._digests, *(n for n in self._case_tables if n not in self._digests)],
            steps=self._steps,
            made_by=self._made_by,
            records=list(self.case.evidence()),
            sources=self._case_tables["sources"],
        )

    def why(self, figure: str) -> Node:
        """The evidence of a headline figure (by name) or of any evidence id. Raises `UnknownEvidence`."""
        for row in self.table("headline").to_pylist():
            if row["figure"] == figure:
                return self.evidence.node(row["evidence_id"])
        for name, key in (("trades", "trade"), ("redlines", "redline"), ("options", "option")):
            rows = [r for r in self.table(name).to_pylist() if r[key] == figure]
            if rows:
                return self.evidence.node(rows[-1]["evidence_id"])
        return self.evidence.node(figure)

    def computation_of(self, table: str) -> str | None:
        """Evidence id of the computation that made a table; None for a table of the case."""
        maker = self._made_by.get(table)
        return self._steps[maker].evidence_id if maker else None

    def steps(self) -> list[StepRecord]:
        """The computations behind this study, in their order."""
        return list(self._steps.values())

    def digests(self) -> dict[str, str]:
        """Hash of every table that this study holds, computed or of the case."""
        return dict(self._digests) | {f"case:{n}": h for n, h in self._case_hashes.items()}

    def _find(self, name: str) -> pa.Table | None:
        if name in self._digests:
            return self.store.get(self._digests[name])
        return self._case_tables.get(name.removeprefix("case:"))

    # --- one step -----------------------------------------------------------------------

    @cached_property
    def _case_tables(self) -> Tables:
        return self.case.tables()

    @cached_property
    def _case_hashes(self) -> dict[str, str]:
        return {name: table_hash(table) for name, table in self._case_tables.items()}

    def _do_for(self, name: str) -> None:
        wanted = next((i for i, step in enumerate(STEPS) if name in step.gives), None)
        if wanted is None:
            raise KeyError(name)
        self._chain(STEPS[: wanted + 1])

    def _chain(self, steps: Sequence[Step]) -> None:
        """Do steps, two at a time where neither stands on the other and there is a core for each.

        A result does not depend on it: each step has its own seed and its inputs are whole before it begins.
        """
        before = _standing_on(steps)
        waiting, running, done = list(steps), dict[Future[None], Step](), set[str]()
        with ThreadPoolExecutor(min(cores(), MOST_AT_ONCE)) as threads:
            self._fresh.clear()
            while waiting or running:
                ready = [s for s in waiting if before[s.name] <= done]
                waiting = [s for s in waiting if s not in ready]
                # A step alone is done here and now, so that a lone failure leaves no thread behind it.
                if len(ready) == 1 and not running:
                    self._do(ready[0])
                    done.add(ready[0].name)
                    self._let_go(waiting)
                    continue
                running |= {threads.submit(self._do, step): step for step in ready}
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    done.add(running.pop(future).name)
                    future.result()
                self._let_go([*waiting, *running.values()])
        self._fresh.clear()
        self._digests = {n: self._digests[n] for s in STEPS for n in s.gives if n in self._digests}
        self._steps = {s.name: self._steps[s.name] for s in STEPS if s.name in self._steps}

    def _let_go(self, steps: Sequence[Step]) -> None:
        """Forget the tables in memory that none of the steps to come reads."""
        wanted = {self._digests[n] for s in steps for n in s.needs if n in self._digests}
        for digest in [d for d in list(self._fresh) if d not in wanted]:
            self._fresh.pop(digest, None)

    def _given_by(self, step_name: str) -> Tables:
        self.run(until=step_name)
        if step_name in self._left_out:
            raise RunError(f"{self.case.folder}: {step_name} cannot be done: {self._left_out[step_name]}")
        return {name.split("@")[0]: self._input(name) for name, s in self._made_by.items() if s == step_name}

    def _input(self, name: str, anew: bool = False) -> pa.Table:
        """An input of a step; `anew`: as it is read from the store, where one in memory may be laid out otherwise."""
        if name in self._digests:
            return self._stored(self._digests[name], name, anew)
        own = name.removeprefix("case:")
        if name.startswith("case:") and own in self._case_tables:
            return self._case_tables[own]
        raise RunError(f"no step gives the table '{name}'")

    def _stored(self, digest: str, name: str, anew: bool = False) -> pa.Table:
        """A table of this run from memory, else from the store."""
        table = None if anew else self._fresh.get(digest)
        if table is None:
            table = self.store.get(digest)
        if table is None:
            raise RunError(f"table {name} vanished from {self.store.folder}; run again")
        return table

    def _put(self, table: pa.Table) -> str:
        digest = self.store.put(table)
        self._fresh[digest] = table
        return digest

    def _input_hash(self, name: str) -> str:
        if name in self._digests:
            return self._digests[name]
        own = name.removeprefix("case:")
        if name.startswith("case:") and own in self._case_hashes:
            return self._case_hashes[own]
        raise RunError(f"no step gives the table '{name}'")

    def _do(self, step: Step) -> None:
        reason = step.left_out(self.case, self._left_out)
        if reason is not None:
            self._left_out[step.name] = reason
            self._digests |= {g: self.store.put(TABLES[g.split("@")[0]].empty()) for g in step.gives}
            return
        settings = {part: plain(_part(self.case, part)) for part in step.reads}
        made_by = {n: self._steps[self._made_by[n]].evidence_id for n in step.needs if n in self._made_by}
        if step.cites:
            settings["made_by"] = made_by
        seed = seed_for(self.case.settings.seed, step.name)
        hashes = {name: self._input_hash(name) for name in step.needs}
        as_of = self.case.settings.as_of.isoformat()
        code = code_version(*step.code, "draws.py", "views.py")
        hashed = {part: content_id(part, value) for part, value in settings.items()}
        key = step_key(step.name, code, hashed, seed, as_of, hashes)
        record = self.store.done(key)
        if record is None:
            record = StepRecord(key, step.name, code, _brief(settings), seed, as_of, hashes)
            record, state = self._with_ids(step, record, made_by)
        else:
            state = "kept"
        self._steps[step.name] = record
        self._digests.update(record.outputs)
        self._made_by.update(dict.fromkeys(record.outputs, step.name))
        self.progress(step.title, state)

    def _with_ids(self, step: Step, record: StepRecord, made_by: dict[str, str]) -> tuple[StepRecord, str]:
        """The step's tables with the present evidence ids: 'done', or 'kept' where what the step heeds is as it was."""
        tables: Tables = {}
        hashes: dict[str, str] = {}
        ids = {stand_in("step", name): own for name, own in made_by.items()}
        for name in step.needs:
            hashes[name] = self._input_hash(name)
            if name in step.views:
                tables[name], own = stand_ins(name, step.views[name].of(self._input(name, anew=True), self.case))
                hashes[name] = table_hash(tables[name])
                ids |= own
        settings = {k: v for k, v in record.settings.items() if k != "made_by"}
        hashed = {k: content_id(k, v) for k, v in settings.items()}
        key = step_key(f"work of {step.name}", record.code, hashed, record.seed, record.as_of, hashes)
        work = self.store.done(key)
        made: Tables = {}
        if work is None:
            self.progress(step.title, "start")
            tables |= {name: self._input(name) for name in step.needs if name not in tables}
            work = StepRecord(key, step.name, record.code, settings, record.seed, record.as_of, hashes)
            inputs = Inputs(
                tables, self.case, record.seed, {n: stand_in("step", n) for n in made_by}, self.workers, self.dask
            )
            work, made = self._compute(step, work, inputs)
        outputs = dict(work.outputs)
        for name, digest in work.outputs.items():
            base = name.split("@")[0]
            if not TABLES[base].draws:
                table = made[name] if name in made else self._stored(digest, name)
                outputs[name] = self._put(stamp(base, put_back(table, ids), record.evidence_id))
        record = replace(record, outputs=outputs, seconds=work.seconds)
        self.store.finish(record)
        return record, "done" if made else "kept"

    def _compute(self, step: Step, record: StepRecord, inputs: Inputs) -> tuple[StepRecord, Tables]:
        start = time.perf_counter()
        with one_thread():
            given = step.work(inputs)
        missing = {g for g in step.gives if g.split("@")[0] not in given}
        if missing:
            raise RunError(f"step {step.name} did not give {', '.join(sorted(missing))}")
        made = {name: given[name.split("@")[0]] for name in step.gives}
        with ThreadPoolExecutor(2) as threads:
            outputs = dict(zip(made, threads.map(self._put, made.values()), strict=True))
        record = replace(record, outputs=outputs, seconds=round(time.perf_counter() - start, 3))
        self.store.finish(record)
        give_back()
        return record, made

    def _all_diagnostics(self) -> pa.Table:
        parts = [self.table(g) for s in STEPS for g in s.gives if g.split("@")[0] == "diagnostics"]
        return pa.concat_tables([DIAGNOSTICS.empty(), *parts])


def open_study(
    folder: str | Path,
    as_of: dt.date | str | None = None,
    *,
    store: str | Path | None = None,
    workers: int = 1,
    dask: str | None = None,
) -> Study:
    """Open a case folder as of a day (default: the case's own `as_of`).

    Results go to the folder's `.tumen/` or to `store`. Raises `CaseError` with every fault of the case, `RunError`
    for a day before its period.
    """
    case = Case.load(Path(folder))
    if isinstance(as_of, str):
        as_of = dt.date.fromisoformat(as_of)
    if as_of is not None and as_of < case.settings.period[0]:
        raise RunError(f"{as_of}: before the case, expected {case.settings.period[0]} (period_start) or a later day")
    case = case.as_of(as_of or case.settings.as_of)
    return Study(case, Store(Path(store) if store else Path(folder) / ".tumen"), workers=workers, dask=dask)


def _standing_on(steps: Sequence[Step]) -> dict[str, set[str]]:
    """By step, those of the steps that it stands on."""
    maker = {name: step.name for step in steps for name in step.gives}
    named = {step.name for step in steps}
    return {s.name: {maker[n] for n in s.needs if n in maker} | (set(s.after) & named) for s in steps}


def seed_for(seed: int, step: str) -> int:
    """A seed of its own for each step, so that adding a step changes no other's draws."""
    words = np.frombuffer(step.encode().ljust(4 * -(-len(step) // 4), b"\0"), dtype=np.uint32)
    return int(np.random.SeedSequence([seed, *map(int, words)]).generate_state(1)[0])


def plain(value: Any) -> Any:
    """Case text as plain data, for hashing and for the record of a computation."""
    if isinstance(value, Record):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _part(case: Case, path: str) -> Any:
    """A part of a case by its path; `files:NAME` is the fingerprint of the files in a folder of the case."""
    if path.startswith("files:"):
        folder = path.removeprefix("files:") + "/"
        return {k: v for k, v in case.fingerprint().items() if k.startswith(folder)}
    value: Any = case
    for name in path.split("."):
        if value is None:  # the file of this part is missing
            return None
        value = getattr(value, name)
    return value


def _brief(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings small enough to keep in the record; long lists are kept as their hash."""
    return {k: v if len(str(v)) < 20_000 else {"content_hash": content_id(k, v)} for k, v in settings.items()}


__all__ = ["RunError", "Study", "open_study", "plain", "seed_for"]
