"""The order of the steps. Only this file knows it.

    see -> count -> weigh -> settle -> front -> account -> judge -> answer -> headline

Each step names the tables that it needs, the parts of the case that it reads, and the tables
that it gives; its work is one call into a room of the middle floor. `case:NAME` is a table as
the analyst wrote it; `NAME@STEP` is one step's own version of a table that a later step gives
again. Rooms are imported when their step runs, so that a case without images needs no raster
library.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tumen.case import Case
from tumen.case.claims import OF_CARGO, OF_VISITS
from tumen.tables import TABLES
from tumen.views import REMARKS, View

Tables = dict[str, pa.Table]


@dataclass(frozen=True)
class Inputs:
    """What a step may look at: the tables that it declared, the case as of the day, its own seed.

    `made_by` gives, for a table of an earlier step, the evidence id of the computation; ids may be stand-ins (`views`),
    so a step passes them on and reads nothing from them.
    """

    tables: Tables
    case: Case
    seed: int
    made_by: dict[str, str]
    workers: int = 1
    dask: str | None = None

    def __getitem__(self, name: str) -> pa.Table:
        return self.tables[name]

    def part(self, name: str) -> Any:
        """A part of the case that the step's `files` promise."""
        found = getattr(self.case, name)
        assert found is not None, name
        return found

    @property
    def period(self) -> tuple[dt.date, dt.date]:
        """First and last day that the case speaks of, as of its day."""
        return self.case.settings.period

    @property
    def as_of(self) -> dt.date:
        """Nothing published later is known."""
        return self.case.settings.as_of


@dataclass(frozen=True)
class Step:
    """One step: `needs` tables and `reads` parts of the case, and `gives` tables.

    `files` are parts of the case, each with its file, without which the step is left out; `after` are steps
    without which it has nothing to work on. A step that is left out gives empty tables, and the answer says so.
    `views` say which part of a table it heeds: a change elsewhere in the table leaves its result as it is. A step with
    views names evidence ids only in `evidence_id`, `parents` and other columns of ids, never within a text. A step that
    `cites` names the computations behind its inputs.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    code: tuple[str, ...]
    work: Callable[[Inputs], Tables]
    files: tuple[tuple[str, str], ...] = ()
    after: tuple[str, ...] = ()
    views: Mapping[str, View] = field(default_factory=dict)
    cites: bool = False

    def left_out(self, case: Case, left_out: Mapping[str, str]) -> str | None:
        """Why this step cannot be done with this case; None if it can.

        `left_out` has the reasons of the steps before that were left out.
        """
        lacking = [file for part, file in self.files if getattr(case, part) is None]
        if lacking:
            return f"{' and '.join(lacking)} {'are' if len(lacking) > 1 else 'is'} missing"
        return next(
            (f"the step {step} was left out: {left_out[step]}" for step in self.after if step in left_out), None
        )


class RunError(RuntimeError):
    """A step cannot be done with this case, or what was asked for cannot be; the message says which and why."""


AIS_TABLES = (
    "port_visits", "ais_voyages", "gaps", "hidden_visits", "encounters", "loitering", "draught_changes",
    "identities", "identity_changes", "spoofing", "anchorages", "drops",
)  # fmt: skip


def _ais(x: Inputs) -> Tables:
    """Events of the case's AIS archives; empty tables where it has none, without loading any AIS code."""
    folder, settings = x.case.folder / "ais", dict(x.case.settings.ais)
    published, source = settings.pop("published", None), settings.pop("source", ())
    work = settings.pop("work", None)
    if not folder.is_dir() or not any(folder.iterdir()):
        return {name: TABLES[name].empty() for name in (*AIS_TABLES, "sightings")}
    if published is None:
        raise RunError(
            f"{x.case.folder / 'case.toml'}: [ais] published: missing, expected the day when the archive could be had"
        )
    try:
        day = dt.date.fromisoformat(str(published))
    except ValueError as error:
        raise RunError(
            f"{x.case.folder / 'case.toml'}: [ais] published: {published!r}, expected a day such as 2024-03-31"
        ) from error
    if day > x.as_of:
        return {name: TABLES[name].empty() for name in (*AIS_TABLES, "sightings")}
    from tumen.ais.case import case_events, visit_sightings
    from tumen.ais.settings import SettingsError
    from tumen.ais.stores import StoreError, is_address
    from tumen.engine import executor

    if work is not None:
        if not isinstance(work, str) or not work:
            raise RunError(
                f"{x.case.folder / 'case.toml'}: [ais] work: {work!r}, expected a folder or an address in quotes"
            )
        work = work if is_address(work) else x.case.folder / work
    with executor(x.workers, x.dask) as pool:
        try:
            made = case_events([folder], x["case:places"], x["case:vessels"], settings, executor=pool, work=work)
        except SettingsError as error:
            raise RunError(f"{x.case.folder / 'case.toml'}: [ais] {error}") from error
        except StoreError as error:
            raise RunError(f"{x.case.folder / 'case.toml'}: [ais] work: {error}") from error
    seen = visit_sightings(made, day, source, places=x["case:places"])
    return {name: made.get(name, TABLES[name].empty()) for name in AIS_TABLES} | {"sightings": seen}


IMAGE_TABLES = ("scenes", "detections", "berth_states", "chips")


def _image(x: Inputs) -> Tables:
    """Looks and ships of the case's own scenes; empty tables where it has none, without loading any raster code."""
    folder = x.case.folder / "scenes"
    if not folder.is_dir() or not any(folder.iterdir()):
        return {name: TABLES[name].empty() for name in (*IMAGE_TABLES, "looks")}
    from tumen.engine import executor
    from tumen.imagery import SceneFault, case_looks

    settings = dict(x.case.settings.imagery)
    with executor(x.workers, x.dask) as pool:
        try:
            made = case_looks(
                [folder / "**" / "*"], x["case:places"], settings, executor=pool,
                simulated=x.case.settings.simulated, static=folder / "static.geojson",
            )  # fmt: skip
        except SceneFault as error:  # a bad scene is a row of its own; this is a bad file of fixed structures
            raise RunError(str(error)) from error
    known = made["looks"].filter(pc.less_equal(made["looks"].column("published"), x.as_of))
    return {name: made[name] for name in IMAGE_TABLES} | {"looks": known}


def _match(x: Inputs) -> Tables:
    """Detections against AIS near the time of their image."""
    found = x["detections"].filter(
        pc.and_(pc.is_valid(x["detections"].column("time")), pc.is_valid(x["detections"].column("lat")))
    )
    folder = x.case.folder / "ais"
    if not found.num_rows or not folder.is_dir():
        return {"matches": TABLES["matches"].empty()}
    from tumen.ais import read
    from tumen.ais.case import mappings
    from tumen.sightings import match, near_images

    columns = mappings(dict(x.case.settings.ais).get("columns", ()))
    return {"matches": match(found, near_images(read([folder], columns), found))}


def _see(x: Inputs) -> Tables:
    from tumen.case.traffic_settings import TrafficSettings
    from tumen.sightings import ais_looks, merge_reports, within_berths

    berths = (x.case.settings.traffic or TrafficSettings()).berths
    scenes = within_berths(x["looks@image"], x["case:places"], berths)
    looks = pa.concat_tables([x["case:looks"], ais_looks(x["sightings@ais"]), scenes])
    reports = pa.concat_tables([x["case:sightings"], x["sightings@ais"]])
    return {"looks": looks, "sightings": merge_reports(reports)}


def _count(x: Inputs) -> Tables:
    from tumen.case.traffic_settings import TrafficSettings
    from tumen.traffic import count

    settings = x.case.settings.traffic or TrafficSettings()
    given = (x["looks"], x["case:claims"], x["case:places"], x["case:vessels"])
    if sum(p["role"] == "origin" for p in x["case:places"].to_pylist()) < 2:
        return count(*given, settings, x.period, x.seed)
    from tumen.engine import executor

    with executor(x.workers, x.dask) as pool:
        return count(*given, settings, x.period, x.seed, executor=pool)


def _weigh(x: Inputs) -> Tables:
    from tumen.cargo import weigh

    loading = x.part("loading")
    return weigh(
        x["voyages@count"], x["looks"], x["sightings"], x["case:claims"], x["case:vessels"], loading, x.period, x.seed
    )


def _settle(x: Inputs) -> Tables:
    """Claims on cargo reweight the worlds of the count: put both into the same world.

    Where nothing was weighed, the worlds of the count stand as they are.
    """
    from tumen.draws import redraw

    if not x["draw_map"].num_rows:
        return {name: x[f"{name}@count"] for name in ("visits", "voyages", "forecasts")}
    by = x["draw_map"].sort_by("draw").column("from_draw").to_numpy()
    return {name: redraw(x[f"{name}@count"], np.asarray(by)) for name in ("visits", "voyages", "forecasts")}


def _front(x: Inputs) -> Tables:
    from tumen.ledger import front

    return front(
        x["cargo"], x.part("front"), x["case:claims"], x.period, x.seed,
        voyages=x["voyages"], as_of=x.as_of,
    )  # fmt: skip


def _account(x: Inputs) -> Tables:
    from tumen.ledger import account

    about, prices = x.case.settings.case, x.part("prices")
    return account(
        x["cargo"], x.case.transfers, prices, x["case:claims"], x.period, x.as_of, x.seed,
        origin=about.origin, recipient=about.recipient,
    )  # fmt: skip


def _judge(x: Inputs) -> Tables:
    from tumen.assess import judge

    trades = x.part("trades")
    return judge(
        x["case:indicators"], trades, x["balance"], x["case:sources"], x.period, x.as_of, x.seed,
        responses=x.case.responses,
    )  # fmt: skip


def _answer(x: Inputs) -> Tables:
    from tumen.assess import answer

    responses, trades = x.part("responses"), x.part("trades")
    judged = {name: x[name] for name in ("trades", "trade_draws")}
    return answer(judged, x["balance"], x["case:indicators"], trades, responses, x["case:sources"], x.as_of, x.seed)


def _headline(x: Inputs) -> Tables:
    from tumen.headline import headline

    origins = [p["place"] for p in x["case:places"].to_pylist() if p["role"] == "origin" and p["kind"] == "port"]
    basis = x.case.prices.headline_basis if x.case.prices else ""
    return {"headline": headline(x.tables, origins, basis, x.as_of, x.made_by, x.period)}


def _on_visits(claims: pa.Table, case: Case) -> pa.Array:
    """Claims that the count takes as evidence."""
    named = pc.is_in(claims.column("quantity"), pa.array(OF_VISITS))
    return pc.and_(named, pc.equal(claims.column("use"), "evidence"))


def _on_cargo(claims: pa.Table, case: Case) -> pa.Array:
    """Claims that the weighing reads, also those that it only compares."""
    loading = case.loading
    assert loading is not None
    named = pc.is_in(claims.column("quantity"), pa.array([*OF_CARGO, *loading.munition]))
    return pc.and_(named, pc.equal(claims.column("direction"), loading.direction))


def _in_checks(claims: pa.Table, case: Case) -> pa.Array:
    """Claims that the front is held against."""
    assert case.front is not None
    return pc.is_in(claims.column("claim_id"), pa.array([c.claim for c in case.front.check if c.claim], pa.string()))


def _in_valuations(claims: pa.Table, case: Case) -> pa.Array:
    """Claims that put a sum on the trade."""
    assert case.prices is not None
    return pc.is_in(claims.column("claim_id"), pa.array([v.claim for v in case.prices.valuation], pa.string()))


NO_REMARKS = View()
OF_INDICATORS = View(without=("note", "parents"))
DAYS_OF_SOURCES = View(
    without=("publisher", "title", "date_text", "url", "kind", "reliability", "why", "seen", "parents")
)


STEPS: tuple[Step, ...] = (
    Step(
        "ais", "see: walk the AIS archives",
        ("case:places", "case:vessels"), ("settings.ais", "files:ais"),
        (*AIS_TABLES, "sightings@ais"),
        ("ais", "engine.py"), _ais,
    ),
    Step(
        "image", "see: search the scenes",
        ("case:places",), ("settings.imagery", "files:scenes"),
        (*IMAGE_TABLES, "looks@image"),
        ("imagery", "engine.py"), _image,
    ),
    Step(
        "match", "see: match ships in images to AIS",
        ("detections",), ("settings.ais", "files:ais"),
        ("matches",),
        ("sightings", "ais"), _match,
    ),
    Step(
        "see", "see: bring reports together",
        ("case:looks", "case:sightings", "case:places", "sightings@ais", "looks@image"), ("settings.traffic",),
        ("looks", "sightings"),
        ("sightings",), _see,
    ),
    Step(
        "count", "count: visits and voyages, seen and unseen",
        ("looks", "case:claims", "case:places", "case:vessels"), ("settings.traffic", "settings.period"),
        ("visits@count", "voyages@count", "forecasts@count", "voyage_windows", "rates", "diagnostics@count"),
        ("traffic", "case/traffic_settings.py"), _count,
        views={
            "looks": NO_REMARKS, "case:claims": View(rows=_on_visits), "case:places": NO_REMARKS,
            "case:vessels": NO_REMARKS,
        },
    ),
    Step(
        "weigh", "weigh: containers and rounds",
        ("voyages@count", "looks", "sightings", "case:claims", "case:vessels"), ("loading", "settings.period"),
        ("cargo", "draw_map", "claims_compared", "origins", "loads", "sensitivity", "box_rounds", "diagnostics@weigh"),
        ("cargo", "case/loading.py"), _weigh,
        files=(("loading", "loading.toml"),),
        views={
            "looks": NO_REMARKS, "sightings": View(without=(*REMARKS, "text")), "case:claims": View(rows=_on_cargo),
            "case:vessels": NO_REMARKS,
        },
    ),
    Step(
        "settle", "settle: one world for ships and cargo",
        ("draw_map", "visits@count", "voyages@count", "forecasts@count"), (),
        ("visits", "voyages", "forecasts"),
        (), _settle,
    ),
    Step(
        "front", "front: what the rounds changed",
        ("cargo", "voyages", "case:claims"), ("front", "settings.period"),
        ("front", "front_totals", "front_answers", "front_checks", "diagnostics@front"),
        ("ledger", "case/front.py"), _front,
        files=(("front", "front.toml"),), after=("weigh",),
        views={"case:claims": View(rows=_in_checks)},
    ),
    Step(
        "account", "account: given, returned, owed",
        ("cargo", "case:claims"), ("transfers", "prices", "settings.case"),
        (
            "entries", "values", "account_totals", "balance", "balance_draws", "accounts", "flows", "volume_index",
            "valuations_compared", "variance_shares", "diagnostics@account",
        ),
        ("ledger", "case/account.py"), _account,
        files=(("prices", "prices.toml"),), after=("weigh",),
        views={"case:claims": View(without=("note", "label", "parents"), rows=_in_valuations)},
    ),
    Step(
        "judge", "judge: how the rest is being paid",
        ("case:indicators", "case:sources", "balance"), ("trades", "responses", "settings.period"),
        ("trades", "trade_draws", "drivers", "ach", "ach_scores", "devils_advocate", "collect", "diagnostics@judge"),
        ("assess", "case/judge.py", "case/expression.py"), _judge,
        files=(("trades", "trades.toml"),),
        views={"case:indicators": OF_INDICATORS, "case:sources": DAYS_OF_SOURCES, "balance": NO_REMARKS},
    ),
    Step(
        "answer", "answer: redlines and options",
        ("trades", "trade_draws", "balance", "case:indicators", "case:sources"), ("trades", "responses"),
        ("redlines", "options", "packages", "frontier", "reversals", "coverage", "diagnostics@answer"),
        ("assess", "case/judge.py", "case/expression.py"), _answer,
        files=(("responses", "responses.toml"),), after=("judge",),
        views={
            "case:indicators": OF_INDICATORS, "case:sources": DAYS_OF_SOURCES, "balance": NO_REMARKS,
            "trades": View(without=()),
        },
    ),
    Step(
        "headline", "headline: the answer in figures",
        ("visits", "voyages", "cargo", "account_totals", "front_totals", "case:places"), ("prices.headline_basis", "settings.period"),
        ("headline",),
        ("headline.py",), _headline,
        views={"case:places": NO_REMARKS},
        cites=True,
    ),
)  # fmt: skip
