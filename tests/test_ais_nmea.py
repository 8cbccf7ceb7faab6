"""The fast NMEA decoder against pyais and gpsd's truth files, and against everything that logs do to sentences."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
pyais = pytest.importorskip("pyais")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tumen.ais import identity, nmea, reasons  # noqa: E402
from tumen.ais.geo import NO_ANGLE  # noqa: E402
from tumen.ais.settings import EventSettings  # noqa: E402

POSITION_TYPES = {1, 2, 3, 4, 9, 11, 17, 18, 19, 21, 27}


def counted(block: nmea.Block) -> dict[str, int]:
    return {reasons.REASONS[k].name: int(c) for k, c in enumerate(block.counts) if c}


def checksum(body: str) -> str:
    value = 0
    for c in body:
        value ^= ord(c)
    return f"{value:02X}"


def sentence(body: str) -> str:
    return f"!{body}*{checksum(body)}"


def compare(message: object, block: nmea.Block, i: int) -> None:
    """One decoded row against one pyais message, field by field."""
    told = message.asdict()  # type: ignore[attr-defined]
    pos = block.positions
    assert pos.vessel[i] == int(told["mmsi"])
    assert pos.kind[i] == told["msg_type"]
    scale = 600 if told["msg_type"] in (17, 27) else 600_000
    for ours, name, none, bits in ((pos.lat[i], "lat", 91.0, 17), (pos.lon[i], "lon", 181.0, 18)):
        theirs = told[name]
        if told["msg_type"] == 17:
            # pyais gives the angles of type 17 in minutes and reads them without their sign
            raw = round(theirs * 10)
            theirs = (raw - (1 << bits) if raw >> (bits - 1) else raw) / 600
        if theirs == none:
            assert ours == NO_ANGLE
        elif abs(theirs) > 181:
            # beyond any longitude: kept out of range, clipped to what 32 bits hold
            assert abs(int(ours)) > 1_800_000_000
        else:
            assert round(int(ours) / 1e7 * scale) == round(theirs * scale), (ours, theirs)
    if "speed" in told:
        none = 1023 if told["msg_type"] == 9 else 63 if told["msg_type"] == 27 else 102.3
        if told["speed"] is None or float(told["speed"]) >= none - 1e-9:
            assert np.isnan(pos.sog[i])
        else:
            assert pos.sog[i] == pytest.approx(float(told["speed"]), abs=1e-4)
    if "course" in told:
        if float(told["course"]) >= 360:
            assert np.isnan(pos.cog[i])
        else:
            assert pos.cog[i] == pytest.approx(float(told["course"]), abs=1e-4)
    if "heading" in told:
        assert pos.heading[i] == (told["heading"] if told["heading"] < 360 else -1)
    if told["msg_type"] in (1, 2, 3, 27):
        assert pos.status[i] == int(told["status"])


def assembled(text: bytes) -> list[object]:
    """pyais's decode of every whole message of position types whose checksum fits, in order of completion."""
    out, parts = [], {}
    for line in text.splitlines():
        found = re.search(rb"!..VD[MO],.*", line)
        if not found or line.startswith(b"#"):
            continue
        line = found[0]
        if not re.search(rb"\*[0-9A-Fa-f]{2}", line):
            continue
        clean = re.sub(rb"(\*[0-9A-Fa-f]{2}).*", rb"\1", line)
        fields = clean.split(b",")
        try:
            total, number = int(fields[1]), int(fields[2])
            if total > 1:
                key = (fields[3], fields[4], total)
                parts.setdefault(key, {})[number] = clean
                if len(parts[key]) < total:
                    continue
                held = parts.pop(key)
                message = pyais.decode(*[held[k] for k in sorted(held)])
            else:
                message = pyais.decode(clean)
        except Exception:
            continue
        out.append(message)
    return out


@pytest.mark.parametrize("name", ["sample.aivdm", "pyais_nmea_data_sample.txt", "aislib_decode_encode_messages.txt"])
def test_agrees_with_pyais_on_real_logs(shared: Path, name: str) -> None:
    raw = (shared / "data/ais/nmea" / name).read_bytes()
    block = nmea.read_block(raw)
    theirs = [m for m in assembled(raw) if m.msg_type in POSITION_TYPES]
    # Each row of ours must be one message of theirs, with every field equal, and none may be missing but
    # those whose payload is too short for a position.
    left = list(theirs)
    for i in range(len(block.positions)):
        match = next(
            k for k, m in enumerate(left)
            if int(m.mmsi) == block.positions.vessel[i] and m.msg_type == block.positions.kind[i]
        )  # fmt: skip
        compare(left.pop(match), block, i)
    assert len(block.positions) > 20
    assert all(m.msg_type == 17 or m.asdict().get("lat") is None for m in left), left


PER_DEGREE = {17: 600, 27: 600}
# Where gpsd's unscaled truth has speed and course in other steps than tenths.
STEPS = {9: 1.0, 27: 1.0}


def truth_of(path: Path) -> list[dict[str, Any]]:
    """gpsd's unscaled decodes of one log, in the order in which its messages are complete."""
    return [json.loads(x) for x in path.read_text().splitlines() if '"class":"AIS"' in x]


def text_of(cell: np.ndarray) -> str:
    return bytes(cell).rstrip(b"\0").decode().strip()


def test_agrees_with_gpsd_truth(shared: Path) -> None:
    """Every message of every type that carries position or identity, in order, field by field; none left over."""
    folder = shared / "data/ais/nmea"
    block = nmea.read_block((folder / "sample.aivdm").read_bytes())
    truth = truth_of(folder / "sample.aivdm.ju.chk")
    pos, who = block.positions, block.statics
    told = [m for m in truth if m["type"] in POSITION_TYPES and "lat" in m]
    assert [(m["type"], m["mmsi"]) for m in told] == list(zip(pos.kind.tolist(), pos.vessel.tolist(), strict=True))
    for i, m in enumerate(told):
        kind = m["type"]
        scale = PER_DEGREE.get(kind, 600_000)
        for angle, ours, none in (("lat", int(pos.lat[i]), 91), ("lon", int(pos.lon[i]), 181)):
            if m[angle] == none * scale:
                assert ours == NO_ANGLE
            elif abs(m[angle]) > 181 * scale:
                assert abs(ours) > 1_800_000_000
            else:
                assert round(ours / 1e7 * scale) == m[angle]
        if "speed" in m:
            none = 63 if kind == 27 else 1023
            expected = None if m["speed"] == none else m["speed"] * STEPS.get(kind, 0.1)
            assert np.isnan(pos.sog[i]) if expected is None else pos.sog[i] == pytest.approx(expected, abs=1e-4)
        if "course" in m:
            value = m["course"] * (1.0 if kind == 27 else 0.1)
            assert np.isnan(pos.cog[i]) if value >= 360 else pos.cog[i] == pytest.approx(value, abs=1e-3)
        if "heading" in m:
            assert pos.heading[i] == (m["heading"] if m["heading"] < 360 else -1)
        if "status" in m:
            assert pos.status[i] == m["status"]
    # gpsd gives type 24 when both parts are there; we give each part, and the identity table puts them together
    named = [m for m in truth if m["type"] in (5, 19, 21) or (m["type"] == 8 and "vin" in m)]
    ours_at = [k for k in range(len(who)) if who.kind[k] in (5, 8, 19, 21)]
    assert [(m["type"], m["mmsi"]) for m in named] == [(int(who.kind[k]), int(who.vessel[k])) for k in ours_at]
    for k, m in zip(ours_at, named, strict=True):
        if m["type"] == 8:
            assert [who.sides[k, 1], who.sides[k, 3]] == pytest.approx([m["length"] / 10, m["beam"] / 10])
            assert who.draught[k] == pytest.approx(m["draught"] / 100)
            continue
        assert text_of(who.name[k]) == m.get("shipname", m.get("name")).strip()
        assert list(who.sides[k]) == [m[n] for n in ("to_bow", "to_stern", "to_port", "to_starboard")]
        if m["type"] in (5, 19):
            assert who.ship_type[k] == m["shiptype"]
        if m["type"] == 5:
            assert (who.imo[k], text_of(who.call[k])) == (m["imo"], m["callsign"].strip())
            assert text_of(who.destination[k]) == m["destination"].strip()
            assert np.isnan(who.draught[k]) if m["draught"] == 0 else who.draught[k] == pytest.approx(m["draught"] / 10)
    merged = {v: identity.identities(v, group, EventSettings()) for v, group in identity.messages(who)}
    parts = [m for m in truth if m["type"] == 24 and "shipname" in m and "callsign" in m]
    assert len(parts) == 2
    for m in parts:
        (row,) = merged[m["mmsi"]]
        assert (row["name"], row["call_sign"], row["ship_type"]) == (m["shipname"], m["callsign"], m["shiptype"])
        assert (row["length_m"], row["width_m"]) == (m["to_bow"] + m["to_stern"], m["to_port"] + m["to_starboard"])


LOGS = ["sample.aivdm", "pyais_nmea_data_sample.txt", "aislib_decode_encode_messages.txt"]
SIDES = ("to_bow", "to_stern", "to_port", "to_starboard")


def told_by(message: Any) -> tuple[Any, ...]:
    """What one message of types 5, 19, 21 or 24 says of a ship, as our rows say it."""
    m, kind = message.asdict(), message.msg_type
    # the name of an aid to navigation goes on in an extension; '@' ends a text, whatever stands behind it
    name = ((m.get("shipname") or m.get("name") or "") + (m.get("name_ext") or "")).split("@")[0].strip()
    sides = tuple(m[n] for n in SIDES) if "to_bow" in m else None
    if kind == 24 and int(m["partno"]) == 1:
        return 124, int(m["mmsi"]), "", m["callsign"].strip(), 0, m["ship_type"], None, sides
    if kind == 24:
        return 24, int(m["mmsi"]), name, "", 0, None, None, None
    draught = round(m["draught"] * 10) or None if kind == 5 else None
    call, imo = (m["callsign"].strip(), m["imo"]) if kind == 5 else ("", 0)
    return kind, int(m["mmsi"]), name, call, imo, m.get("ship_type"), draught, sides


def our_identities(block: nmea.Block) -> list[tuple[Any, ...]]:
    who = block.statics
    out = []
    for k in range(len(who)):
        kind = int(who.kind[k])
        sides = tuple(int(v) for v in who.sides[k])
        out.append(
            (
                kind, int(who.vessel[k]), text_of(who.name[k]), text_of(who.call[k]), int(who.imo[k]),
                int(who.ship_type[k]) if kind in (5, 19, 124) else None,
                None if np.isnan(who.draught[k]) else round(float(who.draught[k]) * 10),
                None if kind == 24 or sides == (-1, -1, -1, -1) else sides,
            )
        )  # fmt: skip
    return [row for row in out if row[0] != 8]


@pytest.mark.parametrize("name", LOGS)
def test_other_types_agree_with_pyais_on_real_logs(shared: Path, name: str) -> None:
    """Identity of types 5, 19, 21 and 24 field by field; every message of another type is counted, none is lost."""
    raw = (shared / "data/ais/nmea" / name).read_bytes()
    block = nmea.read_block(raw)
    messages = assembled(raw)
    theirs = sorted((told_by(m) for m in messages if m.msg_type in (5, 19, 21, 24)), key=repr)
    ours = sorted(our_identities(block), key=repr)
    # a craft with a mother ship has its number where others have their sides
    craft = {row[1] for row in theirs if row[0] == 124 and str(row[1]).startswith("98")}
    cut = [[(*row[:7], None) if row[1] in craft and row[0] == 124 else row for row in rows] for rows in (theirs, ours)]
    assert len(theirs) > 1
    assert cut[0] == cut[1]
    inland = int(np.count_nonzero(block.statics.kind == 8))
    elsewhere = sum(m.msg_type not in POSITION_TYPES | {5, 24} for m in messages) - inland
    # a sentence with an empty payload is a message of no type
    empty = len(re.findall(rb"^!AIVDM,1,1,,[AB]?,,0\*", raw, re.MULTILINE))
    assert 0 <= counted(block)["other message"] - elsewhere - empty <= len(messages) // 50


def test_craft_of_a_mother_ship_has_no_sides() -> None:
    part = pyais.encode_dict(
        {"type": 24, "mmsi": 982730001, "partno": 1, "ship_type": 0, "vendorid": "X", "callsign": "TENDER",
         "mothership_mmsi": 273413400}, talker_id="AI"
    )[0]  # fmt: skip
    block = nmea.read_block((part + "\n").encode())
    assert block.statics.sides.tolist() == [[-1, -1, -1, -1]]
    assert text_of(block.statics.call[0]) == "TENDER"


@settings(max_examples=60, deadline=None)
@given(
    mmsi=st.integers(200_000_000, 799_999_999), imo=st.integers(0, 2**30 - 1), kind=st.integers(0, 255),
    draught=st.integers(0, 255), sides=st.tuples(st.integers(0, 511), st.integers(0, 511), st.integers(0, 63), st.integers(0, 63)),
    words=st.tuples(*[st.text("ABCXYZ 0189/-.'", max_size=n) for n in (7, 20, 20)]), cut=st.sampled_from([0, 2, 4]),
)  # fmt: skip
def test_identity_agrees_with_pyais_on_generated_messages(
    mmsi: int, imo: int, kind: int, draught: int, sides: tuple[int, ...], words: tuple[str, str, str], cut: int
) -> None:
    """Type 5 with any text (blanks and '@' behind it), also two and four bits short as some transponders send it."""
    call, name, destination = words
    lines = pyais.encode_dict(
        {"type": 5, "mmsi": mmsi, "imo": imo, "callsign": call, "shipname": name, "ship_type": kind, "draught": draught / 10,
         "destination": destination, **dict(zip(("to_bow", "to_stern", "to_port", "to_starboard"), sides, strict=True))},
        talker_id="AI",
    )  # fmt: skip
    head, payload, _ = lines[-1].rsplit(",", 2)
    if cut:
        # fill bits say how much of the last character does not count
        lines[-1] = sentence(f"{head[1:]},{payload},{cut}")
    who = nmea.read_block(("\n".join(lines) + "\n").encode()).statics
    told = pyais.decode(*lines)
    assert (who.vessel[0], who.imo[0], who.ship_type[0]) == (mmsi, told.imo, told.ship_type)
    assert (text_of(who.call[0]), text_of(who.name[0])) == (told.callsign.strip(), told.shipname.strip())
    assert text_of(who.destination[0]) == told.destination.strip()
    assert np.isnan(who.draught[0]) if not draught else who.draught[0] == pytest.approx(draught / 10)
    assert tuple(who.sides[0]) == sides


ANGLES = st.tuples(
    st.one_of(st.floats(-90, 90), st.just(91.0)), st.one_of(st.floats(-180, 180), st.just(181.0))
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from([1, 2, 3, 18, 27, 9]), mmsi=st.integers(0, 2**30 - 1), at=ANGLES,
    sog=st.integers(0, 1023), cog=st.integers(0, 3600), heading=st.integers(0, 511), status=st.integers(0, 15),
)  # fmt: skip
def test_agrees_with_pyais_on_generated_messages(
    kind: int, mmsi: int, at: tuple[float, float], sog: int, cog: int, heading: int, status: int
) -> None:
    lat, lon = at
    data = {
        "type": kind, "mmsi": f"{mmsi % 10**9:09d}", "lat": lat, "lon": lon, "heading": heading, "status": status,
        "course": cog // 10 if kind == 27 else cog / 10, "speed": sog % 64 if kind == 27 else sog if kind == 9 else sog / 10,
    }  # fmt: skip
    lines = pyais.encode_dict(data, talker_id="AI", radio_channel="A")
    block = nmea.read_block(("\n".join(lines) + "\n").encode())
    assert len(block.positions) == 1
    compare(pyais.decode(*lines), block, 0)


def line_of(mmsi: int = 273413400, lat: float = 42.24, lon: float = 130.3) -> str:
    return pyais.encode_dict(
        {"type": 1, "mmsi": mmsi, "lat": lat, "lon": lon, "speed": 7.1, "course": 12.5}, talker_id="AI"
    )[0]


T = 1_709_121_600


@pytest.mark.parametrize(
    "text",
    [
        rf"\s:station,c:{T}*{checksum(f's:station,c:{T}')}\{{line}}",
        rf"\c:{T}000*{checksum(f'c:{T}000')}\{{line}}",
        rf"\g:1-1-77,s:rx,c:{T}*{checksum(f'g:1-1-77,s:rx,c:{T}')}\{{line}}",
        "{line},r003669945,1709121600",
        "{line},1709121600",
        "{line},d-119,S0668,t120000.00,T18.52298,r003669959,1709121600",
        "[20240228T120000.000Z]{line}",
        "2024-02-28T12:00:00Z {line}",
        "2024-02-28 12:00:00,{line}",
        "1709121600 {line}",
        "1709121600.000: {line}",
        "{line} 2024-02-28T12:00:00Z",
        '"2024-02-28T12:00:00Z","{line}"',
        "28/02/2024 12:00:00 {line}",
    ],
)
def test_receiver_times(text: str) -> None:
    block = nmea.read_block((text.replace("{line}", line_of()) + "\r\n").encode())
    assert block.positions.t.tolist() == [T * 1_000_000], text
    assert block.positions.vessel.tolist() == [273413400]


def test_own_clock_where_no_receiver_stamped() -> None:
    base = pyais.encode_dict(
        {"type": 4, "mmsi": "002573105", "year": 2024, "month": 2, "day": 28, "hour": 12, "minute": 0, "second": 5, "lat": 60.0, "lon": 5.0},
        talker_id="AI",
    )[0]  # fmt: skip
    zda = sentence("GPZDA,120010.00,28,02,2024,00,00").replace("!", "$")
    text = "\n".join([line_of(), base, line_of(), zda, line_of(), "$GPGGA,x", "!AIVSI,r,1,2,3*00"]) + "\n"
    block = nmea.read_block(text.encode())
    seconds = [None if t < 0 else t // 1_000_000 - T for t in block.positions.t.tolist()]
    assert seconds == [None, 5, 5, 10]
    assert counted(block) == {"other sentence": 3}


def five(mmsi: int = 273413400, seq: int = 3, **more: object) -> list[str]:
    data = {"type": 5, "mmsi": mmsi, "imo": 9179842, "callsign": "UBCD3", "shipname": "ANGARA", "ship_type": 70, "draught": 5.5,
            "destination": "VOSTOCHNY", "to_bow": 100, "to_stern": 20, "to_port": 10, "to_starboard": 8, **more}  # fmt: skip
    return pyais.encode_dict(data, talker_id="AI", seq_id=seq)


def test_parts_apart_and_interleaved() -> None:
    a, b = five(seq=1), five(mmsi=273111111, seq=2, shipname="LADY R")
    text = "\n".join([a[0], line_of(), b[0], b[1], line_of(), a[1], a[1]]) + "\n"
    block = nmea.read_block(text.encode())
    names = [bytes(n).rstrip(b"\0").decode() for n in block.statics.name]
    assert names == ["LADY R", "ANGARA"]
    assert block.statics.draught.tolist() == [5.5, 5.5]
    assert len(block.positions) == 2
    # the echo of part 2 opens a message that never ends
    assert counted(block) == {"incomplete message": 1}


@pytest.mark.parametrize("cut", range(0, 12))
def test_a_message_belongs_to_the_block_of_its_first_part(cut: int) -> None:
    lines = [line_of(1000 + k) if k % 3 else None for k in range(12)]
    text, starts = b"", []
    for k, line in enumerate(lines):
        part = [line] if line else five(mmsi=2000 + k, seq=k % 10)
        for p in part:
            starts.append(len(text))
            text += p.encode() + b"\n"
    whole = nmea.read_block(text)
    border = starts[cut]
    first, second = nmea.read_block(text, 0, border), nmea.read_block(text, border, len(text))
    assert sorted([*first.statics.vessel, *second.statics.vessel]) == sorted(whole.statics.vessel)
    assert sorted([*first.positions.vessel, *second.positions.vessel]) == sorted(whole.positions.vessel)
    assert not counted(first)
    assert not counted(second)


def test_faults_are_named() -> None:
    good = line_of()
    wrong = good[:-2] + ("00" if good[-2:] != "00" else "01")
    text = "\n".join(
        [
            good,
            wrong,
            good[:20],
            "hello",
            "",
            "# note",
            sentence("AIVDM,1,1,,A,177KQJ,0"),
            sentence("AIVDM,1,1,,A,1~~~~~~~~~,0"),
        ]
    )
    block = nmea.read_block(text.encode())
    assert counted(block) == {
        "blank or comment": 2, "not a sentence": 1, "half line": 1, "bad checksum": 1, "bad payload": 2
    }  # fmt: skip
    assert block.first[reasons.BAD_CHECKSUM] == 2
    assert len(block.positions) == 1


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=90),
            st.sampled_from([b"!AIVDM,", b"\\c:1*", b"*5C\n", b",1,1,,A,", b"\n", b"!AIVDM,9,1,1,A,w,0*5C"]),
        ),
        max_size=20,
    )
)
def test_no_bytes_can_break_it(parts: list[bytes]) -> None:
    raw = b"".join(parts)
    block = nmea.read_block(raw)
    lines = raw.count(b"\n") + (0 if raw.endswith(b"\n") or not raw else 1)
    assert block.lines == lines
    assert (block.counts >= 0).all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_flipped_byte_goes_unnoticed(data: st.DataObject) -> None:
    line = bytearray(line_of().encode())
    place = data.draw(st.integers(1, len(line) - 1))
    line[place] = data.draw(st.integers(1, 255).filter(lambda b: b != line[place] and b not in (10, 13)))
    block = nmea.read_block(bytes(line) + b"\n")
    same = len(block.positions) and block.positions.vessel[0] == 273413400
    # a flip in the letter case of the checksum, or after it, changes nothing; all else is refused
    assert not len(block.positions) or same
