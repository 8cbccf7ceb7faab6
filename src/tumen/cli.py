"""The command line: one word per step, help that teaches, errors that name file and line.

Exit codes: 0 done; 1 a fault in the user's data; 2 wrong use; 3 a source or service could not
be reached.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from tumen import __version__

if TYPE_CHECKING:
    from tumen.study import Study

DATA_FAULT, WRONG_USE, UNREACHABLE = 1, 2, 3

app = typer.Typer(
    name="tumen",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "From signs of a covert arms route to numbers and judgements that can be defended in print.\n\n"
        "A **case** is a folder of plain text: looks, sightings, claims, prices, indicators, each row with its "
        "source. Tumen reads it and answers: what was seen, what passed, what it was worth, what is owed, how it "
        "is being repaid, what to do.\n\n"
        "Start with `tumen new my-case`, edit the files, `tumen check my-case`, `tumen run my-case`, "
        "`tumen brief my-case`. Ask `tumen why my-case rounds` where a number comes from."
    ),
)

CaseFolder = Annotated[
    Path, typer.Argument(metavar="CASE", help="Folder of the case, e.g. cases/najin.", show_default=False)
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="DATE", help="Use only what was published by this day (YYYY-MM-DD).", show_default=False
    ),
]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes for heavy work.")]
Dask = Annotated[
    str | None,
    typer.Option("--dask", metavar="ADDRESS", help="Address of a Dask scheduler, instead of processes here."),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Keep results here instead of CASE/.tumen.", show_default=False),
]


class Format(StrEnum):
    """Output formats of `show`."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class Language(StrEnum):
    """Languages of the brief."""

    en = "en"
    ko = "ko"


def entry() -> NoReturn:
    """The command `tumen`: `main`, and then an end that leaves out the dismantling of the C++ libraries below.

    On a busy machine that dismantling now and then aborted a short command (2 of 14, "terminate called without an
    active exception") after all its work was done. What is written is flushed first.
    """
    code: object = 0
    signal.signal(signal.SIGTERM, _stopped)
    try:
        main()
    except SystemExit as end:
        code = end.code
    if isinstance(code, str):
        print(code, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # the reader of a pipe has gone
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _stopped(*_: object) -> NoReturn:
    """Told to end: unwind, so that temporary folders and locks go, which dying at once would leave behind."""
    raise SystemExit(128 + signal.SIGTERM)


def main() -> None:
    """Runs the command line and turns faults in data into one clear message each."""
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        _fail("stopped; what was stored is whole", 130)
    except Exception as error:
        _fail(*_explain(error))


def _explain(error: Exception) -> tuple[str, int]:
    from tumen.case import CaseError
    from tumen.evidence import UnknownEvidence
    from tumen.run import RunError
    from tumen.store import StoreError

    if isinstance(error, CaseError):
        count = len(error.faults)
        return f"{error}\n{count} fault{'s' if count != 1 else ''}; nothing was changed", DATA_FAULT
    if isinstance(error, RunError | StoreError):
        return str(error), DATA_FAULT
    if isinstance(error, UnknownEvidence):
        return f"{error.args[0]}: no figure, row or record of this case has this name or id", WRONG_USE
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"this needs a package that is not installed: {error.name}; see the README for the extras", WRONG_USE
    if isinstance(error, ConnectionError | TimeoutError):
        return f"could not be reached: {error}", UNREACHABLE
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}", DATA_FAULT
    # Rooms name a fault in the data by an error of their own; anything else is a mistake of ours.
    if isinstance(error, ValueError) and type(error).__module__.startswith("tumen."):
        return str(error), DATA_FAULT
    raise error


def _fail(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(code)


def _day(text: str | None, hint: str = "--as-of") -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no date; expected YYYY-MM-DD", param_hint=hint) from None


def _study(case: Path, as_of: str | None, store: Path | None, workers: int = 1, dask: str | None = None) -> Study:
    from tumen.study import open_study

    return open_study(case, _day(as_of), store=store, workers=workers, dask=dask)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.", is_eager=True)] = False,
) -> None:
    if version:
        print(f"tumen {__version__}")
        raise typer.Exit


# --- the case ---------------------------------------------------------------------------


@app.command()
def new(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; may not exist yet.")]) -> None:
    """Start a case of your own: a small, complete, commented folder that already runs."""
    from tumen.case.new import new_case

    new_case(folder)
    print(f"{folder}: a case to start from; read {folder}/README.md, then: tumen check {folder}")


@app.command()
def simulate(
    scenario: Annotated[
        str,
        typer.Argument(metavar="SCENARIO", help="Name of a scenario ('list' prints them), or a TOML file of your own."),
    ],
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder to make; may not exist yet.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Another world of the same kind.", show_default=False)
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth", metavar="FILE", help="Where the truth goes (default DIR-truth.json).", show_default=False
        ),
    ] = None,
) -> None:
    """Invent a whole case with a known truth, marked SIMULATED throughout: for drills and for testing the chain."""
    from tumen.simulate import scenario as scenarios

    if scenario == "list":
        for name in scenarios.presets():
            print(f"{name:14} {scenarios.read(name).about}")
        return
    if folder is None:
        raise typer.BadParameter("missing; expected the folder to make", param_hint="DIR")
    from tumen.simulate.folder import simulate_case

    apart = truth or folder.parent / f"{folder.name}-truth.json"
    simulate_case(scenarios.read(scenario), folder, apart, seed)
    print(f"SIMULATED {folder}: try tumen run {folder}; the truth lies in {apart}")


@app.command()
def check(case: CaseFolder) -> None:
    """Read the whole case and name every fault at once, as file:line: field: what is wrong, what was expected.

    Looks and totals that only contradict each other are named in notes: they are used, and results say so.
    """
    from tumen.cargo import overfull
    from tumen.case import Case
    from tumen.case.traffic_settings import TrafficSettings
    from tumen.traffic import check as doubts

    loaded = Case.load(case)
    tables, settings = loaded.tables(), loaded.settings
    looks, vessels = tables["looks"], tables["vessels"]
    model = settings.traffic or TrafficSettings()
    in_doubt = doubts(looks, tables["claims"], tables["places"], vessels, model, settings.period)
    full = overfull(looks, tables["sightings"], vessels, loaded.loading) if loaded.loading is not None else []
    if full:
        _fail("\n".join(["boxes that no hull of theirs holds:", *full]), DATA_FAULT)
    for warning in [*loaded.warnings, *in_doubt]:
        print(f"note: {warning}")
    print(f"{case}: no faults. {loaded.inventory()}")


@app.command()
def add(
    case: CaseFolder,
    kind: Annotated[
        str, typer.Argument(help="What to add: look, sighting, claim, indicator, vessel, listing, transfer or source.")
    ],
    fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="Cells of the new row.")],
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
) -> None:
    """Add one row to the case's text, after the same checks as `check`; shows the change first."""
    from tumen.case.add import add_row

    cells = {}
    for item in fields:
        if "=" not in item:
            raise typer.BadParameter(f"'{item}': expected FIELD=VALUE", param_hint="FIELD=VALUE")
        name, value = item.split("=", 1)
        cells[name] = value
    change = add_row(case, kind, cells)
    print(change.diff)
    if not yes:
        typer.confirm("write this?", abort=True)
    change.write()


@app.command()
def fmt(case: CaseFolder) -> None:
    """Put the case's CSV files into their standard form (columns, order, quoting)."""
    from tumen.case.format import format_case

    for path in format_case(case):
        print(f"{path}: rewritten")


# --- the chain --------------------------------------------------------------------------


@app.command()
def run(
    case: CaseFolder,
    as_of: AsOf = None,
    workers: Workers = 1,
    dask: Dask = None,
    store: StoreFolder = None,
    brief: Annotated[bool, typer.Option(help="Also write the brief.")] = True,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the brief goes.", show_default=False)
    ] = None,
) -> None:
    """Do the whole chain (see, count, weigh, account, judge, answer) and write the brief.

    A scene that cannot be used is named on standard error; the rest goes on, and the exit code is 1. Lines without data
    are noted there.
    """
    study = _study(case, as_of, store, workers, dask)
    with _shown_progress(study):
        headline = study.headline()
        pages = _write_brief(study, out, ["en"], False) if brief else []
        scenes = study.table("scenes").to_pylist()
    _print_headline(study, headline)
    for page in pages:
        print(f"brief: {page}")
    for scene in scenes:
        for note in scene["notes"] or []:
            if "no data" in note:
                print(f"note: {scene['path']}: {note}", file=sys.stderr)
    if scenes:
        from tumen.sightings.image_looks import TOO_MANY

        for look in study.table("looks").to_pylist():
            if TOO_MANY in (look["note"] or ""):
                print(f"note: {look['look_id']}: {look['note']}", file=sys.stderr)
    bad = [r["fault"] for r in scenes if r["fault"]]
    if bad:
        _fail("\n".join(bad), DATA_FAULT)


@app.command()
def show(
    case: CaseFolder,
    table: Annotated[
        str, typer.Argument(help="Name of a table, e.g. headline, visits, balance, trades; 'tables' lists them.")
    ],
    format: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.table,
    as_of: AsOf = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write here instead.")] = None,
    draws: Annotated[bool, typer.Option("--draws", help="Give the joint draws themselves, not their summary.")] = False,
    store: StoreFolder = None,
) -> None:
    """Print a table of the chain. Tables of draws are summarised unless --draws is given."""
    from tumen import show as showing

    study = _study(case, as_of, store)
    if table == "tables":
        for name, doc in showing.listing(study):
            print(f"{name:24} {doc}")
        return
    if table not in study.names():
        close = ", ".join(study.names())
        _fail(f"'{table}' is no table of this case; expected one of: {close}", WRONG_USE)
    with _shown_progress(study):
        if table == "headline" and format is Format.json:
            data: Any = study.headline()
            showing.write_json(data, output)
            return
        computed = study.table(table)
        reason = None if computed.num_rows else study.why_empty(table)
        if reason is not None:
            _fail(f"{case}: {table} is empty: {reason}", DATA_FAULT)
        made = computed if draws else showing.summarised(table, computed)
    showing.write(made, format.value, output, title=f"{table}, as of {study.case.settings.as_of}")


@app.command()
def why(
    case: CaseFolder,
    figure: Annotated[
        str, typer.Argument(help="A figure (rounds, owed_usd, veto ...) or an evidence id from any table.")
    ],
    as_of: AsOf = None,
    full: Annotated[
        bool, typer.Option("--full", help="Every record; without it long lists are cut and counted.")
    ] = False,
    format: Annotated[Format, typer.Option("--format", help="table (a tree) or json.")] = Format.table,
    store: StoreFolder = None,
) -> None:
    """Print the tree from a figure down to the documents it stands on, with their Admiralty grades."""
    from tumen import show as showing

    study = _study(case, as_of, store)
    with _shown_progress(study):
        study.run()
        node = study.why(figure)
    if format is Format.json:
        showing.write_json(showing.tree_data(study.evidence, node, full), None)
    else:
        showing.print_tree(study.evidence, node, full)


@app.command()
def brief(
    case: CaseFolder,
    lang: Annotated[Language, typer.Option("--lang", help="Language of the brief.")] = Language.en,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also a PDF, and the figures as PNG.")] = False,
    data: Annotated[
        bool,
        typer.Option("--data", help="Also the data package (RO-Crate), so that a reader can recompute each figure."),
    ] = False,
    as_of: AsOf = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="Also say what changed since this day.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where it goes (default CASE/.tumen/brief).", show_default=False),
    ] = None,
    store: StoreFolder = None,
) -> None:
    """Write the brief: one page that needs no network, every figure linked to its evidence."""
    earlier = _day(since, "--since")
    study = _study(case, as_of, store)
    if earlier and earlier >= study.case.settings.as_of:
        raise typer.BadParameter(f"{since} is not before {study.case.settings.as_of}", param_hint="--since")
    with _shown_progress(study):
        study.run()
        pages = _write_brief(study, out, [lang.value], pdf, data, earlier)
    for page in pages:
        print(page)


@app.command()
def backtest(
    case: CaseFolder,
    as_of: Annotated[str, typer.Option("--as-of", metavar="DATE", help="The day to stand on.")],
    against: Annotated[str, typer.Option("--against", help="'later': everything published after that day.")] = "later",
    format: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.table,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write here instead.")] = None,
    store: StoreFolder = None,
) -> None:
    """Foretell later published totals as of a day and score them, beside a straight line and a constant rate."""
    from tumen import show as showing

    if against != "later":
        raise typer.BadParameter(f"'{against}': expected 'later'", param_hint="--against")
    day = _day(as_of)
    assert day is not None
    study = _study(case, None, store)
    with _shown_progress(study):
        made = study.backtest(day)
    showing.write(made, format.value, output, title=f"foretold as of {day}, scored by what came later")
    if format is Format.table:
        showing.print_scores(made)


@app.command()
def matrix(
    case: CaseFolder,
    compare: Annotated[
        Path | None,
        typer.Option(
            "--compare", metavar="FILE", help="Your own matrix, in the form that -o writes.", show_default=False
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the CSV here.")] = None,
    as_of: AsOf = None,
    store: StoreFolder = None,
) -> None:
    """Competing hypotheses as a matrix: write the network's as CSV, or hold one of your own against it.

    `tumen matrix CASE -o mine.csv` writes a sheet with a row for each hypothesis and a column for each finding. Change
    its cells (CC, C, N, I, II) in a spreadsheet and save it as CSV; `tumen matrix CASE --compare mine.csv` then prints
    your inconsistency scores beside the network's, and each cell in which the two part.
    """
    from tumen import show as showing
    from tumen.assess import ach

    study = _study(case, as_of, store)
    with _shown_progress(study):
        network = ach.matrix(study.table("ach"))
    told = {r["indicator_id"]: r["text"] for r in study.table("indicators").to_pylist()}
    if compare is None:
        text = ach.to_csv(network, told)
        if output is None:
            print(text, end="")
        else:
            output.write_text(text, encoding="utf-8")
            print(f"{output}: {len(network.hypotheses)} hypotheses, {len(network.findings)} findings")
        return
    try:
        mine = ach.from_csv(compare.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        _fail(f"{compare}: {error}", DATA_FAULT)
    if strange := ach.strangers(mine, network):
        _fail(f"{compare}: unknown to this case: {', '.join(strange)}", DATA_FAULT)
    parted = ach.compared(mine, network, told)
    if output is not None:
        showing.write(parted, "csv", output, title="")
    showing.write(ach.scores_beside(mine, network), "table", None, title="inconsistency: yours and the network's")
    showing.write(parted, "table", None, title=f"{parted.num_rows} cells in which you and the network part")


KEPT = "judgements.csv"
Kept = Annotated[
    Path | None,
    typer.Option(
        "--file", metavar="FILE", help=f"Where judgements are kept (default CASE/{KEPT}).", show_default=False
    ),
]


@app.command()
def keep(case: CaseFolder, as_of: AsOf = None, file: Kept = None, store: StoreFolder = None) -> None:
    """Keep today's judgements, so that they can be scored when the truth is known. Kept ones are never changed."""
    import pyarrow as pa

    from tumen.assess.scoring import from_csv, to_csv
    from tumen.case.write import Change

    path = file or case / KEPT
    study = _study(case, as_of, store)
    with _shown_progress(study):
        made = study.judgements()
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = from_csv(before) if before else made.schema.empty_table()
    known = {(r["judged_on"], r["trade"], r["definition"]) for r in kept.to_pylist()}
    new = [(r["judged_on"], r["trade"], r["definition"]) not in known for r in made.to_pylist()]
    fresh = made.filter(pa.array(new, pa.bool_()))
    Change(path, before, to_csv(pa.concat_tables([kept, fresh.cast(kept.schema)]))).write()
    print(f"{path}: {fresh.num_rows} judgements added, {kept.num_rows} were there")


@app.command()
def score(case: CaseFolder, file: Kept = None) -> None:
    """Score kept judgements by outcomes.csv: Brier, log score, calibration."""
    from tumen import show as showing
    from tumen.assess import score as scored
    from tumen.assess.scoring import from_csv
    from tumen.case import Case

    path = file or case / KEPT
    if not path.exists():
        _fail(f"{path}: not there; 'tumen keep {case}' makes it", DATA_FAULT)
    loaded = Case.load(case)
    if not loaded.outcomes:
        _fail(f"{case / 'outcomes.csv'}: holds no outcome yet, so there is nothing to score", DATA_FAULT)
    try:
        kept = from_csv(path.read_text(encoding="utf-8"))
    except ValueError as error:
        _fail(f"{path}: {error}", DATA_FAULT)
    made = scored(kept, loaded.outcomes)
    for name in ("scores", "calibration"):
        showing.write(made[name], "table", None, title=name)


@app.command()
def watch(case: CaseFolder, as_of: AsOf = None, store: StoreFolder = None) -> None:
    """Compute the answer again whenever the case's text changes, and print it."""
    import time

    from tumen.web.live import Live

    live, told = Live(case, as_of=as_of, store=store), -1
    live.start()
    while True:
        state = live.state
        if state.version > told and (state.study or state.faults):
            told = state.version
            for fault in state.faults:
                print(fault, file=sys.stderr)
            if state.study and not state.faults:
                _print_headline(state.study, state.headline)
        time.sleep(0.3)


# --- the workbench ------------------------------------------------------------------------

People = Annotated[
    Path | None,
    typer.Option(
        "--people",
        metavar="FILE",
        help="Database of people and comments (default: in your data folder).",
        show_default=False,
    ),
]


@app.command()
def serve(
    case: CaseFolder,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    shared: Annotated[bool, typer.Option("--shared", help="Several people, with sign-in and comments.")] = False,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Host name it is reached under; may be given again.")
    ] = None,
    certificate: Annotated[Path | None, typer.Option("--certificate", help="TLS certificate (PEM).")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="TLS key (PEM).")] = None,
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help="A proxy in front does the TLS.")] = False,
    people: People = None,
    as_of: AsOf = None,
    store: StoreFolder = None,
    workers: Workers = 1,
) -> None:
    """Open the workbench in the browser: pages over the live case, on this machine alone unless told otherwise."""
    from tumen.web.serve import ServeError, serve_case

    try:
        serve_case(
            case, host=host, port=port, shared=shared, names=set(name or ()), certificate=certificate, key=key,
            behind_proxy=behind_proxy, people=people, as_of=_day(as_of), store=store, workers=workers,
        )  # fmt: skip
    except ServeError as error:
        _fail(str(error), WRONG_USE)


people_app = typer.Typer(no_args_is_help=True, help="Who may sign in to a shared workbench.")
app.add_typer(people_app, name="people")


@people_app.command("add")
def people_add(
    case: CaseFolder,
    name: Annotated[str, typer.Argument(help="Name to sign in with.")],
    role: Annotated[str, typer.Option("--role", help="reader, commenter or analyst.")] = "reader",
    moderator: Annotated[bool, typer.Option("--moderator", help="May hide comments and read the log.")] = False,
    people: People = None,
) -> None:
    """Add a person, or give one a new password and role. The password is asked for; there is no default."""
    from tumen.web.people import add_person
    from tumen.web.serve import database_of

    password = typer.prompt("password (15 characters or more)", hide_input=True, confirmation_prompt=True)
    try:
        add_person(database_of(case, people), name, password, role, moderator)
    except ValueError as error:
        _fail(str(error), WRONG_USE)
    print(f"{name} may sign in as {role}")


@people_app.command("list")
def people_list(case: CaseFolder, people: People = None) -> None:
    """Who may sign in: name, role, whether a moderator, since when; closed accounts are marked."""
    from tumen.web.people import everybody
    from tumen.web.serve import database_of

    for row in everybody(database_of(case, people)):
        marks = [word for word, holds in (("moderator", row["moderator"]), ("closed", not row["active"])) if holds]
        print(f"{row['name']:24} {row['role']:10} {row['created'][:10]} {' '.join(marks)}".rstrip())


@people_app.command("close")
def people_close(case: CaseFolder, name: Annotated[str, typer.Argument()], people: People = None) -> None:
    """Shut an account and end its sessions; what it wrote stays."""
    from tumen.web.people import close_person
    from tumen.web.serve import database_of

    if not close_person(database_of(case, people), name):
        _fail(f"{name}: there is no such person", WRONG_USE)
    print(f"{name} is closed")


@people_app.command("verify")
def people_verify(
    case: CaseFolder,
    head: Annotated[
        str | None, typer.Option("--head", metavar="HASH", help="Head of the log printed earlier.", show_default=False)
    ] = None,
    people: People = None,
) -> None:
    """Check the chain of the log: that no line was changed, moved or taken out, and none cut off after --head."""
    from tumen.web import audit
    from tumen.web.serve import database_of

    database = database_of(case, people)
    broken = audit.verify(database)
    if broken is not None:
        _fail(f"the log breaks at line {broken}: something was changed, moved or taken out there", DATA_FAULT)
    if head is not None and not audit.holds(database, head):
        _fail(f"{head}: no line of the log; lines after it, or it itself, were cut off", DATA_FAULT)
    print(f"the log is whole: {audit.size(database)} lines, head {audit.head(database)}")


def _write_brief(
    study: Study, out: Path | None, langs: list[str], pdf: bool, data: bool = False, since: dt.date | None = None
) -> list[Path]:
    from tumen.publish import publish

    return publish(study, out, langs=langs, pdf=pdf, data=data, since=since)


def _shown_progress(study: Study) -> Any:
    from tumen import show as showing

    return showing.progress(study)


def _print_headline(study: Study, headline: dict[str, Any]) -> None:
    from tumen import show as showing

    showing.print_headline(study, headline)


@app.command()
def scenes(
    case: CaseFolder,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="First day.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day.")],
    download: Annotated[
        bool, typer.Option(help="Fetch the windows over the case's places, not only list them.")
    ] = True,
) -> None:
    """Search a STAC catalogue for scenes over the case's places and fetch the windows that it needs into scenes/."""
    from tumen.case import Case
    from tumen.imagery.command import scenes_command

    loaded = Case.load(case)
    first, last = _day(start), _day(end)
    assert first is not None
    assert last is not None
    if last < first:
        raise typer.BadParameter(f"{end} lies before --from {start}", param_hint="--to")
    query = dict(loaded.settings.imagery)
    raise typer.Exit(scenes_command(loaded.tables()["places"], query, first, last, case / "scenes", download))


# --- without a case ---------------------------------------------------------------------


def _add_room_commands() -> None:
    from tumen.ais.command import events_command
    from tumen.imagery.command import detect_command

    app.command("detect")(detect_command)
    app.command("events")(events_command)


_add_room_commands()


if __name__ == "__main__":
    entry()
