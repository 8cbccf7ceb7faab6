"""Chips of scenes that the case itself names, with their outlines and scale bar."""

from __future__ import annotations

from typing import Any

from tumen.brief.blocks import Block, Picture, Pictures, Section, Text
from tumen.brief.desk import Desk

MOST_CHIPS = 8
# All chips together; a brief has to stay light enough to mail.
MOST_BYTES = 1_200_000


def chips(desk: Desk) -> Section:
    """The pictures, the surest detections first; a case without scenes says so."""
    heading = desk.words.text("section.chips")
    rows = _ranked(desk)
    if not rows:
        return desk.absent("chips", "chips")
    pictures: list[Picture] = []
    used = 0
    for row, subject in rows:
        if used + len(row["png"]) > MOST_BYTES or len(pictures) == MOST_CHIPS:
            break
        used += len(row["png"])
        pictures.append(_picture(desk, row, subject))
    blocks: list[Block] = [Pictures(tuple(pictures))]
    return Section("chips", heading, tuple(blocks))


def _ranked(desk: Desk) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    subjects: dict[str, dict[str, Any]] = {r["look_id"]: r for r in desk.rows("berth_states")}
    subjects |= {r["detection_id"]: r for r in desk.rows("detections")}
    rows = [(r, subjects.get(r["subject"], {})) for r in desk.rows("chips")]
    return sorted(rows, key=lambda pair: -(pair[1].get("probability") or pair[1].get("p_occupied") or 0.0))


def _picture(desk: Desk, row: dict[str, Any], subject: dict[str, Any]) -> Picture:
    words = desk.words
    desk.trace.cite(row["evidence_id"], f"the picture {row['chip_id']}")
    place = desk.place(str(subject.get("place") or row["scene_id"]))
    time = subject.get("time")
    day = words.day(time.date()) if time else words.text("number.none")
    told = str(subject.get("sensor") or row["scene_id"])
    sensor = words.text(f"sensor.{told}") if words.has(f"sensor.{told}") else desk.named(told)
    caption = list(words.say("chips.caption", place=place, day=day, sensor=sensor))
    if subject.get("length_m"):
        why = subject["evidence_id"]
        sd = subject.get("length_sd_m") or 0.0
        length = subject["length_m"]
        desk.trace.cite(why, f"the length in the picture {row['chip_id']}")
        number = words.number(length, "m", why, max(length - 1.645 * sd, 0), length + 1.645 * sd)
        caption += (Text(" "), *words.say("chips.length", length=number))
    alt = words.text("chips.alt", place=place, day=day)
    return Picture(row["chip_id"], row["png"], "image/png", f"{place}, {day}", tuple(caption), alt)
