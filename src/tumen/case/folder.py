"""A case: a folder of plain text, read whole and checked, and as it was known on any day.

Takes the folder; gives a `Case`, or one `CaseError` with every fault at once. `as_of` keeps what
was surely published by a day. The folder is only ever read here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tumen.case.faults import At, Fault, Faults
from tumen.case.record import Record
from tumen.case.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from tumen.case.account import Prices, Transfer
    from tumen.case.claims import Claim
    from tumen.case.glossary import Term
    from tumen.case.judge import Indicator, Outcome, Responses, Trades
    from tumen.case.loading import Loading
    from tumen.case.looks import Look
    from tumen.case.places import Place
    from tumen.case.sightings import Sighting
    from tumen.case.sources import Source
    from tumen.case.vessels import Listing, Vessel


@dataclass(frozen=True)
class Part:
    """One file of a case: its name, the attribute of `Case` that holds it, and who reads it.

    `read` is 'module:function' in this package; with `of_folder` it is given the folder, else the path.
    """

    file: str
    attribute: str
    read: str
    required: bool = False
    of_folder: bool = False


# Every file of a case. A new one is one line here.
PARTS: tuple[Part, ...] = (
    Part("case.toml", "settings", "settings:read", required=True),
    Part("sources.yaml", "sources", "sources:read", required=True),
    Part("places.geojson", "places", "places:read", required=True),
    Part("vessels.csv", "vessels", "vessels:read", required=True),
    Part("listings.csv", "listings", "vessels:read_listings"),
    Part("looks.csv", "looks", "looks:read"),
    Part("sightings.csv", "sightings", "sightings:read"),
    Part("claims.csv", "claims", "claims:read"),
    Part("glossary.yaml", "glossary", "glossary:read"),
    Part("loading.toml", "loading", "loading:read_loading", of_folder=True),
    Part("transfers.csv", "transfers", "account:read_transfers", of_folder=True),
    Part("prices.toml", "prices", "account:read_prices", of_folder=True),
    Part("front.toml", "front", "front:read_front", of_folder=True),
    Part("trades.toml", "trades", "judge:read_trades", of_folder=True),
    Part("indicators.csv", "indicators", "judge:read_indicators", of_folder=True),
    Part("responses.toml", "responses", "judge:read_responses", of_folder=True),
    Part("outcomes.csv", "outcomes", "judge:read_outcomes", of_folder=True),
)
# Cross-checks, each a function of the case, the faults and the warnings.
CHECKS: tuple[str, ...] = (
    "sources:check", "places:check", "vessels:check", "looks:check", "sightings:check", "claims:check", "rooms:check",
    "korean:check",
)  # fmt: skip

# What may lie beside the registered files: archives, results, prose.
FOLDERS = ("scenes", "ais", "images", "chips", ".tumen")
PROSE = (".md", ".txt")
# Judgements that `tumen keep` wrote; read only by `tumen score`.
KEPT = ("judgements.csv",)
# What an analyst writes instead of a source id where the figure is a judgement of the case itself.
OWN = "assumption"
HEAD_BYTES = 65_536
SOURCE_FIELDS = ("source", "sources", "source_id", "source_ids")


class Evidence(NamedTuple):
    """One record of the case, as `tumen why` shows it."""

    evidence_id: str
    kind: str
    file: str
    line: int
    source_ids: list[str]
    label: str
    content: dict[str, Any]
    published: dt.date | None


@dataclass(frozen=True)
class Case:
    """A checked case. Lists of records are in the order of the files; an absent file is an empty list or None."""

    folder: Path
    settings: Settings
    sources: list[Source] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    vessels: list[Vessel] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    glossary: list[Term] = field(default_factory=list)
    loading: Loading | None = None
    transfers: list[Transfer] = field(default_factory=list)
    prices: Prices | None = None
    front: Any = None
    trades: Trades | None = None
    indicators: list[Indicator] = field(default_factory=list)
    responses: Responses | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    warnings: tuple[str, ...] = ()

    @classmethod
    def load(cls, folder: str | Path) -> Case:
        """Read and check a case folder. Raises `CaseError` that holds every fault."""
        folder = Path(folder)
        faults = Faults()
        warnings: list[str] = []
        if not folder.is_dir():
            faults.add(At(str(folder), 1), "folder", "not a folder", "the folder of a case")
            faults.stop()
        readable = _check_files(folder, faults, warnings)
        read: dict[str, Any] = {}
        for part in PARTS:
            if part.file in readable:
                reader = _function(part.read)
                read[part.attribute] = reader(folder if part.of_folder else folder / part.file, faults)
        if read.get("settings") is None:
            faults.stop()
        case = cls(folder=folder, **{k: v for k, v in read.items() if v is not None})
        found = Faults()
        try:
            case._check(found, warnings)
        except Exception:
            # A check may trip over what a faulty file did not bring; then the file's own faults are what to mend.
            if not faults.items:
                raise
        faults.items += _without_consequences(found.items, {fault.file for fault in faults.items})
        faults.stop()
        return replace(case, warnings=tuple(warnings))

    def _check(self, faults: Faults, warnings: list[str]) -> None:
        _check_common(self, faults, warnings)
        for name in CHECKS:
            _function(name)(self, faults, warnings)

    # --- as of a day ----------------------------------------------------------------------

    def as_of(self, day: dt.date) -> Case:
        """The case as it was known on a day: only what was surely published by then.

        A record counts as published on the latest day that its own `published` allows, else on
        the latest day that its sources allow. What leans on reference material or on no source at
        all (a judgement of the case) is kept; what leans on an undated source is not. Places are
        geography and are always kept. A setting that a model cannot do without is kept even if it
        leans on a later source, and a warning names it.
        """
        if isinstance(day, dt.datetime):
            day = day.date()
        late: list[At] = []
        kept: dict[str, Any] = {"settings": self._known(self.settings, day, late).as_of_day(day)}
        for part in PARTS:
            value = getattr(self, part.attribute)
            if part.attribute in ("settings", "sources", "places", "glossary"):
                continue
            if part.attribute == "vessels":
                known = (v.as_of_day(day, self._sources) for v in self.vessels)
                kept["vessels"] = [v for v in known if v is not None]
            elif value is not None:
                kept[part.attribute] = self._known(value, day, late)
        kept["claims"] = _without_late_origins(kept["claims"])
        then = replace(self, warnings=(*self.warnings, *_late_words(late, day)), **kept)
        # A row that was out by then may be cited from a later retelling: the citation stays whole.
        cited = {s for kind, record in then.records() if kind != "sources" for s in sources_of(record)}
        return replace(then, sources=[s for s in self.sources if s.known_by(day) or s.id in cited])

    def known_by(self, record: Record, day: dt.date) -> bool:
        """Whether a record was surely published by the day."""
        own = getattr(record, "published", None)
        if own is not None:
            return _last(own) <= day
        return all(s in self._sources and self._sources[s].known_by(day) for s in sources_of(record) if s != OWN)

    def published(self, record: Record) -> dt.date | None:
        """Latest day on which a record can have been published; None if nothing tells."""
        own = getattr(record, "published", None)
        if own is not None:
            return _last(own)
        days = [self._sources[s].published for s in sources_of(record) if s in self._sources]
        return max((d for d in days if d), default=None) if days and all(days) else None

    def _known(self, value: Any, day: dt.date, late: list[At]) -> Any:
        """`value` without the records in it that were not published by the day; itself if nothing goes."""
        if isinstance(value, list):
            kept = [self._known(v, day, late) for v in value if not isinstance(v, Record) or self.known_by(v, day)]
            same = len(kept) == len(value) and all(a is b for a, b in zip(kept, value, strict=True))
            return value if same else kept
        if isinstance(value, dict):  # keyed settings are named elsewhere, so they stay and are told
            inside = {k: self._known(v, day, late) for k, v in value.items()}
            return value if all(inside[k] is value[k] for k in value) else inside
        if not isinstance(value, Record):
            return value
        if not self.known_by(value, day):
            late.append(value._at)
        changed = {}
        for name in type(value).model_fields:
            inner = getattr(value, name)
            if isinstance(inner, Record | list | dict):
                kept_inner = self._known(inner, day, late)
                if kept_inner is not inner:
                    changed[name] = kept_inner
        return value.model_copy(update=changed) if changed else value

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {s.id: s for s in self.sources}

    # --- what the steps take --------------------------------------------------------------

    def tables(self) -> dict[str, pa.Table]:
        """The tables that this text gives by itself, in the schemas of `tumen.tables.see`."""
        from tumen.case import claims, judge, looks, places, sightings, sources, vessels

        made = {
            "sources": sources.table(self.sources),
            "places": places.table(self.places),
            "vessels": vessels.table(self.vessels),
            "looks": looks.table(self),
            "sightings": sightings.table(self),
            "claims": claims.table(self),
        }
        made["indicators"] = judge.indicators_table(self.indicators, made["sources"])
        return made

    def p_vessel(self, record: Any) -> float | None:
        """Probability that the ship named in a look or sighting is that ship; None if none is named."""
        if record.vessel is None:
            return None
        if record.p_vessel is not None:
            return record.p_vessel
        trust = self.settings.identification.get(record.named or "")
        return trust.probability if trust else None

    def records(self) -> Iterator[tuple[str, Record]]:
        """Every record with the attribute that holds it, also records inside records."""
        for part in PARTS:
            for record in _walk(getattr(self, part.attribute)):
                yield part.attribute, record

    def evidence(self) -> Iterator[Evidence]:
        """Every record, so that each evidence id of a table resolves to a file, a line and sources."""
        for kind, record in self.records():
            ids = [str(getattr(record, "id", ""))] if kind == "sources" else [s for s in sources_of(record) if s != OWN]
            yield Evidence(
                record.evidence_id,
                kind,
                record._at.file,
                record._at.line,
                ids,
                label(record),
                {k: v for k, v in record.model_dump(mode="json").items() if v not in (None, [], {})},
                self.published(record),
            )

    def inventory(self) -> str:
        """What the case holds, in one line."""
        counts = [
            (len(self.looks), "look"), (len(self.sightings), "sighting"), (len(self.claims), "claim"),
            (len(self.transfers), "transfer"), (len(self.indicators), "indicator"), (len(self.vessels), "vessel"),
            (len(self.places), "place"), (len(self.sources), "source"),
        ]  # fmt: skip
        words = ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts)
        start, end = self.settings.period
        mark = "SIMULATED. " if self.settings.simulated else ""
        return f"{mark}{self.settings.title}, {start} to {end}: {words}."

    def fingerprint(self) -> dict[str, str]:
        """SHA-256 of each human-written file; files of scenes/ and ais/ by size, time and first 64 kB."""
        out = {}
        for part in PARTS:
            path = self.folder / part.file
            if path.is_file():
                out[part.file] = hashlib.sha256(path.read_bytes()).hexdigest()
        for name in ("scenes", "ais"):
            for path in sorted(p for p in (self.folder / name).rglob("*") if p.is_file()):
                info = path.stat()
                with path.open("rb") as stream:
                    head = stream.read(HEAD_BYTES)
                mark = f"{info.st_size} {info.st_mtime_ns} ".encode() + head
                out[path.relative_to(self.folder).as_posix()] = hashlib.sha256(mark).hexdigest()
        return out


def _without_consequences(found: list[Fault], broken: set[str]) -> list[Fault]:
    """Faults less those that only say that a row of a file which has faults itself was not found."""
    return [f for f in found if not any(name in f.expected for name in broken)]


def load(folder: str | Path) -> Case:
    """Read and check a case folder: `Case.load`."""
    return Case.load(folder)


def sources_of(record: Record) -> list[str]:
    """Source ids that a record names."""
    for name in SOURCE_FIELDS:
        if name in type(record).model_fields:
            value = getattr(record, name)
            if value is None:
                return []
            return [value] if isinstance(value, str) else list(value)
    return []


def label(record: Record) -> str:
    """A few words for a record: its text or label, else its name, else what it is."""
    for name in ("text", "label", "title", "note"):
        value = getattr(record, name, None)
        if isinstance(value, str) and value:
            head = getattr(record, "id", None) or getattr(record, "date", None)
            if name == "note":  # a remark alone does not say of what
                head = head or getattr(record, "vessel", None)
            return f"{head}: {value}" if head else value
    for name in ("place", "vessel", "name", "id", "term"):
        value = getattr(record, name, None)
        if isinstance(value, str):
            return value
    return f"{type(record).__name__} of {record._at.file}"


def _walk(value: Any) -> Iterator[Record]:
    if isinstance(value, Record):
        yield value
        for name in type(value).model_fields:
            yield from _walk(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _walk(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _walk(item)


def _late_words(late: list[At], day: dt.date) -> list[str]:
    """One line for each file whose settings lean on later sources."""
    files = sorted({at.file for at in late})
    out = []
    for name in files:
        lines = sorted({at.line for at in late if at.file == name})
        shown = ", ".join(map(str, lines[:8])) + (" ..." if len(lines) > 8 else "")
        out.append(f"{name}: settings that lean on sources published after {day} are kept (line {shown})")
    return out


def _last(value: Any) -> dt.date:
    return value if isinstance(value, dt.date) else value.last()


def _without_late_origins(claims: list[Claim]) -> list[Claim]:
    """Claims that name no claim which is not out yet as their parent."""
    known = {c.id for c in claims} | {c.origin_group for c in claims}
    return [
        c if all(d in known for d in c.derived_from) else c.model_copy(
            update={"derived_from": [d for d in c.derived_from if d in known]}
        )
        for c in claims
    ]  # fmt: skip


def _function(name: str) -> Callable[..., Any]:
    # Imported when needed: `import tumen` stays fast.
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(f"tumen.case.{module}"), function)


# --- the folder itself --------------------------------------------------------------------------


def _check_files(folder: Path, faults: Faults, warnings: list[str]) -> set[str]:
    """Names of the files that may be read; required ones that are missing and links that lead out are faults."""
    readable = set()
    home = folder.resolve()
    names = {part.file for part in PARTS}
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        path = folder / entry.name
        if entry.is_symlink() and not _inside(path, home):
            faults.add(At(entry.name, 1), "file", "a link that leads out of the case folder", "a file inside the case")
            names.discard(entry.name)
        elif entry.name in names:
            readable.add(entry.name)
        elif not _expected(entry):
            warnings.append(f"{entry.name}: not a file of a case; not read")
    for part in PARTS:
        if part.required and part.file in names and part.file not in readable:
            faults.add(At(part.file, 1), "file", "missing", "this file in the case folder")
    return readable


def _inside(path: Path, home: Path) -> bool:
    try:
        return path.resolve().is_relative_to(home)
    except (OSError, RuntimeError):  # a link to itself
        return False


def _expected(entry: os.DirEntry[str]) -> bool:
    if entry.is_dir():
        return entry.name in FOLDERS or entry.name.startswith(".")
    return entry.name.startswith(".") or entry.name.endswith(PROSE) or entry.name in KEPT


# --- checks that every file shares --------------------------------------------------------------


# attribute -> field that names a record of this list and may stand only once
KEYS = {"sources": "id", "places": "place", "vessels": "vessel", "listings": "id", "looks": "id", "sightings": "id",
        "claims": "id", "glossary": "term"}  # fmt: skip
OWN_FILES = ("places", "vessels", "listings", "looks", "sightings", "claims", "glossary")


def _check_common(case: Case, faults: Faults, warnings: list[str]) -> None:
    for attribute, key in KEYS.items():
        _check_twice(getattr(case, attribute), key, faults)
    if not case.settings.simulated:
        for archive in sorted(p for name in ("ais", "scenes") for p in case.folder.glob(f"{name}/**/simulated-*")):
            at = At(archive.relative_to(case.folder).as_posix(), 1)
            faults.add(at, "file", "an invented archive in a real case", "a case with simulated = true")
    sources = {s.id for s in case.sources}
    places = {p.place for p in case.places}
    vessels = {v.vessel for v in case.vessels}
    for attribute in OWN_FILES:
        for record in getattr(case, attribute):
            _check_names(record, "source", sources_of(record), sources, "an id of sources.yaml", faults)
    for record in _walk(case.settings):
        _check_names(record, "source", sources_of(record), sources, "an id of sources.yaml", faults)
    _check_route(case, places, vessels, faults)
    told: list[Look | Sighting | Claim] = [*case.looks, *case.sightings, *case.claims]
    for row in told:
        _check_names(row, "place", _listed(row.place), places, "a name of places.geojson", faults)
        _check_names(row, "vessel", _listed(row.vessel), vessels, "a name of vessels.csv", faults)
        if row.simulated and not case.settings.simulated:
            faults.add(row.at, "simulated", "an invented row in a real case", "a case with simulated = true")
        if case.published(row) is None and all(s in sources for s in sources_of(row)):
            faults.add(row.at, "published", "no day of publication, and the source bears none", "a day, month or year")
    seen: list[Look | Sighting] = [*case.looks, *case.sightings]
    for row in seen:
        _check_days(case, row, faults, warnings)
        if row.named is not None and row.named not in case.settings.identification:
            faults.add(
                row.at,
                "named",
                f"'{row.named}' has no probability",
                f"[identification.{row.named}] in case.toml",
            )


def _check_route(case: Case, places: set[str], vessels: set[str], faults: Faults) -> None:
    """Places and vessels that the traffic settings name."""
    traffic = case.settings.traffic
    for destination in traffic.destinations:
        _check_names(destination, "place", [destination.place], places, "a name of places.geojson", faults)
    for dwell in traffic.dwell_by_place:
        _check_names(dwell, "place", [dwell.place], places, "a name of places.geojson", faults)
    for absence in traffic.hull_absences:
        _check_names(absence, "vessel", [absence.vessel], vessels, "a name of vessels.csv", faults)


def _listed(value: str | None) -> list[str]:
    return [] if value is None else [value]


def _check_names(
    record: Record, name: str, values: Iterable[str], known: set[str] | Mapping[str, Any], expected: str, faults: Faults
) -> None:
    for value in values:
        if value not in known:
            faults.add(record.at, name, f"unknown {name} '{value}'", expected)


def _check_twice(records: list[Any], key: str, faults: Faults) -> None:
    counts = Counter(getattr(r, key) for r in records)
    first: dict[str, At] = {}
    for record in records:
        value = getattr(record, key)
        if counts[value] > 1:
            if value in first:
                faults.add(record.at, key, f"'{value}' also stands at line {first[value].line}", "each name once")
            first.setdefault(value, record.at)


def _check_days(case: Case, record: Any, faults: Faults, warnings: list[str]) -> None:
    start, end = case.settings.period
    first, last = record.date.first(), (record.date_end or record.date).last()
    if last < start or first > end:
        if not record.baseline:
            words = f"{record.date} lies outside the period"
            faults.add(record.at, "date", words, f"{start} to {end}, or baseline = yes")
            return
        warnings.append(f"{record.at.file}:{record.at.line}: {record.id} lies outside the period, as a baseline")
    published = case.published(record)
    if published is not None and published < first:
        faults.add(
            record.at, "published", f"published by {published}, before it was seen ({record.date})", "a later day"
        )
