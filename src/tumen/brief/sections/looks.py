"""The calendar of looks: what each day showed at each port of loading, and the visits that nobody saw."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tumen.brief.blocks import Block, Figure, Para, Section, Span, Spans, Text
from tumen.brief.desk import Desk
from tumen.brief.figures import calendar as drawing
from tumen.brief.figures.canvas import months_between
from tumen.draws import matrix, summary

# A look of which less than this could be seen is drawn as clouded; the model uses the share itself.
CLOUDED_BELOW = 0.5
# A look that spans more days than this is a summary of a period, not a square of the calendar.
LONGEST_LOOK_DAYS = 2.5
RANK = {"ship": 3, "empty": 2, "unsure": 1, "cloud": 0}
MOST_PLACES = 3
FEWEST_LOOKS = 8
TOTALS = ("image_days", "vessel_days", "visits")


def calendar(desk: Desk) -> Section:
    """One calendar for each port that was looked at often, ports of loading first."""
    rows = desk.rows("looks")
    if not rows:
        return desk.absent("calendar", "looks")
    days = _days(desk, rows)
    roles = {r["place"]: r["role"] for r in desk.rows("places")}
    order = sorted(days, key=lambda p: (roles.get(p) != "origin", -len(days[p])))
    chosen = [p for p in order if len(days[p]) >= FEWEST_LOOKS][:MOST_PLACES] or order[:1]
    blocks: list[Block] = [Para(desk.words.say("calendar.lead"))]
    for number, place in enumerate(chosen):
        blocks.extend(_place(desk, place, days[place], number))
        totals = _totals(desk, place)
        if totals:
            blocks.append(Para(totals, "note"))
    return Section("calendar", desk.words.text("section.calendar"), tuple(blocks))


def _totals(desk: Desk, place: str) -> Spans:
    """Aggregates of looks that are evidence in their own right, the last of each origin: image days, days with a ship."""
    words = desk.words
    out: list[Span] = []
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(desk.rows("claims"), key=lambda r: (r["period_end"] or r["published"], r["published"])):
        if row["place"] == place and row["use"] == "evidence" and str(row["quantity"]) in TOTALS:
            last[row["origin_group"], str(row["quantity"])] = row
    for row in last.values():
        value = next((row[k] for k in ("point", "low", "high") if row[k] is not None), None)
        if value is None:
            continue
        if out:
            out.append(Text("; " if words.lang == "en" else ", "))
        end = row["period_end"] or row["published"]
        out.extend(
            words.say(
                "calendar.total_item",
                label=words.name("quantity", str(row["quantity"])),
                value=(
                    Text("" if row["reading"] == "exactly" else words.name("claims", row["reading"]) + " "),
                    desk.plain(value, "", row, f"the claim {row['claim_id']}"),
                ),
                origin=desk.origin(row["origin_group"]),
                period=f"{words.month(row['period_start'])}–{words.month(end)}",
            )
        )
    return words.say("calendar.total", list=tuple(out)) if out else ()


def _state(row: dict[str, Any]) -> str:
    if row["usable_share"] < CLOUDED_BELOW:
        return "cloud"
    if row["vessel_present"] is None:
        return "unsure"
    return "ship" if row["vessel_present"] else "empty"


def _days(desk: Desk, rows: list[dict[str, Any]]) -> dict[str, dict[dt.date, drawing.Day]]:
    found: dict[tuple[str, dt.date], list[tuple[int, str, dict[str, Any]]]] = defaultdict(list)
    for row in rows:
        span = row["end"] - row["start"]
        if span > dt.timedelta(days=LONGEST_LOOK_DAYS):
            continue
        # The middle of a look that spans its local day lies on that day in UTC too, east or west.
        day = (row["start"] + span / 2).date()
        state = _state(row)
        found[row["place"], day].append((RANK[state], state, row))
    out: dict[str, dict[dt.date, drawing.Day]] = defaultdict(dict)
    for (place, day), looks in found.items():
        _, state, best = max(looks, key=lambda item: item[0])
        why = desk.trace.cite(best["evidence_id"], f"the look {best['look_id']}")
        tip = f"{desk.words.day(day)}: {desk.words.text('calendar.' + state)}"
        if best["sensor"]:
            name = str(best["sensor"])
            tip += f" ({desk.words.name('sensor', name) if desk.words.has(f'sensor.{name}') else name})"
        out[place][day] = drawing.Day(state, why, tip)
    return out


def _place(desk: Desk, place: str, days: dict[dt.date, drawing.Day], number: int) -> list[Block]:
    words, about = desk.words, desk.about
    visits, total = _visits(desk, place)
    start = min([about.start, *days])
    end = max([about.end, *days]) if days else about.end
    start, end = max(start, about.start - dt.timedelta(days=62)), min(end, about.end + dt.timedelta(days=62))
    if not visits:
        last = max(days)
        end = min(end, last + dt.timedelta(days=31))
    counts = Counter(d.state for d in days.values())
    name = desk.place(place)
    alt = words.text(
        "calendar.alt",
        place=name,
        looks=str(len(days)),
        ship=str(counts["ship"]),
        empty=str(counts["empty"]),
        cloud=str(counts["cloud"]),
    )
    labels = {
        k: words.text(f"calendar.{k}") for k in ("ship", "empty", "cloud", "unsure", "none", "visits", "seen", "unseen")
    }
    title = words.text("calendar.title", place=name)
    months = {m: words.short_month(m) for m in months_between(start, end)}
    svg = drawing.draw(f"fig-calendar-{number}", title, alt, start, end, days, visits, labels, months)
    blocks: list[Block] = []
    if total is not None:
        blocks.append(total)
    blocks.append(Figure(f"calendar-{number}", svg, title, words.say("calendar.caption"), alt, wide=True))
    return blocks


def _visits(desk: Desk, place: str) -> tuple[dict[dt.date, drawing.Month], Para | None]:
    table = desk.table("visits")
    if table is None:
        return {}, None
    here = table.filter(pc.equal(table.column("place").cast(pa.string()), place))
    if not here.num_rows:
        return {}, None
    maker = desk.maker("visits")
    size = int(pc.max(table.column("draw")).as_py()) + 1
    seen, months = matrix(here, "seen", ["month"], draws=size)
    unseen, _ = matrix(here, "unseen", ["month"], draws=size)
    out: dict[dt.date, drawing.Month] = {}
    words = desk.words
    for i, (month,) in enumerate(months):
        assert isinstance(month, dt.date)
        stats = summary(seen[:, i] + unseen[:, i])
        why = desk.trace.make(
            words.text("evidence.sum_month", place=desk.place(place), month=words.month(month)), [maker]
        )
        desk.trace.cite(why, f"visits at {place} in {month:%Y-%m}")
        tip = f"{words.month(month)}: {words.amount(stats.median, 'visits')} ({words.interval(stats.low90, stats.high90, '')})"
        out[month] = drawing.Month(
            float(seen[:, i].mean()), float(unseen[:, i].mean()), stats.low90, stats.high90, why, tip
        )
    why = desk.trace.make(words.text("evidence.sum_place", place=desk.place(place)), [maker])
    desk.trace.cite(why, f"visits at {place}")
    both, hidden = summary((seen + unseen).sum(axis=1)), summary(unseen.sum(axis=1))
    line = words.say(
        "calendar.summary",
        place=desk.place(place),
        visits=words.number(both.median, "visits", why, both.low90, both.high90),
        unseen=words.number(hidden.median, "visits", why, hidden.low90, hidden.high90, bare=True),
    )
    return out, Para(line)
