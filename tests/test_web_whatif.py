"""What-if: rows withdrawn and values changed in memory, old and new answer side by side, the case untouched."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the web extra")

from starlette.testclient import TestClient

from tumen.case import Case
from tumen.web import whatif
from tumen.web.app import create_app
from tumen.web.jobs import Busy, Jobs
from tumen.web.live import Live

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def folder(_starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("whatif") / "case"
    shutil.copytree(_starter, made)
    return made


@pytest.fixture(scope="module")
def live(folder: Path) -> Live:
    made = Live(folder)
    assert made.compute().faults == ()
    return made


@pytest.fixture(scope="module")
def client(live: Live) -> Iterator[TestClient]:
    app = create_app(live, token="local-token")
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as made:
        yield made


def texts(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def computed(client: TestClient, *items: str) -> dict[str, Any]:
    """The result of a what-if, waited for."""
    answer = client.post("/whatif/compute", data={"csrf": "local-token", "s": list(items)})
    assert answer.status_code == 200, answer.text
    number = answer.text.split("/whatif/job/")[1].split('"')[0]
    for _ in range(3000):
        told = client.get(f"/whatif/job/{number}.json").json()
        if told["done"]:
            assert not told["failed"], told["failed"]
            return dict(told["result"])
        time.sleep(0.05)
    raise AssertionError("never done")


# --- the real case ----------------------------------------------------------------------


def test_every_origin_ship_and_sort_of_row_of_the_real_case_can_be_supposed_away(najin: Case) -> None:
    items = [f"ship:{v.vessel}" for v in najin.vessels[:2]]
    items += [f"origin:{o}" for o in ("OSC", "ROK-NIS", "UNSC-RECORD") if any(c.origin_group == o for c in [*najin.claims, *najin.indicators])]  # fmt: skip
    items += [f"off:{rows[0].evidence_id}" for rows in (najin.looks, najin.sightings, najin.claims, najin.indicators, najin.transfers)]  # fmt: skip
    before = texts(najin.folder)
    for item in items:
        made = whatif.suppose(najin.folder, whatif.parse([item]))
        assert made.after, item
        assert all(made.after[f] != made.before[f] for f in made.after)
    assert texts(najin.folder) == before


def test_what_stands_on_a_withdrawn_row_falls_with_it(najin: Case) -> None:
    look = next(x for x in najin.looks if any(s.look == x.id for s in najin.sightings))
    made = whatif.suppose(najin.folder, whatif.parse([f"off:{look.evidence_id}"]))
    assert look.id not in {x.id for x in made.case.looks}
    assert not [s for s in made.case.sightings if s.look == look.id]
    assert made.also


def test_an_event_that_did_not_happen_is_looked_for_and_not_seen(najin: Case) -> None:
    event = next(i for i in najin.indicators if i.id == "panel-veto")
    made = whatif.suppose(najin.folder, whatif.parse([f"not:{event.evidence_id}"]))
    told = next(i for i in made.case.indicators if i.id == "panel-veto")
    assert (told.state, told.direction) == ("not_seen", "contradicts")


def test_a_price_is_another(najin: Case) -> None:
    assert najin.prices is not None
    price = next(p for p in najin.prices.price if p.point)
    made = whatif.suppose(najin.folder, whatif.parse([f"set:{price.evidence_id}:point={price.point * 1.2:g}"]))
    assert made.case.prices is not None
    assert sum(a != b for a, b in zip(najin.prices.price, made.case.prices.price, strict=True)) == 1


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("off:nothing", "no row of the case"),
        ("burn:everything", "is no supposition"),
        ("origin:NOBODY", "nothing in the case"),
        ("ship:Flying Dutchman", "no ship of vessels.csv"),
        ("set:x", "expected set:ID:FIELD=VALUE"),
    ],
)
def test_what_cannot_be_supposed_says_why(najin: Case, item: str, words: str) -> None:
    with pytest.raises(whatif.WhatIfError, match=words):
        whatif.suppose(najin.folder, whatif.parse([item]))


def test_a_value_that_no_row_may_hold_is_refused_with_its_line(najin: Case) -> None:
    claim = najin.claims[0]
    with pytest.raises(whatif.WhatIfError, match=r"claims.csv:\d+: point"):
        whatif.suppose(najin.folder, whatif.parse([f"set:{claim.evidence_id}:point=-4"]))


# --- over the web -----------------------------------------------------------------------


def test_the_answer_is_computed_beside_the_present_one_and_the_case_stays(client: TestClient, live: Live) -> None:
    before, runs = texts(live.folder), sorted((live.folder / ".tumen" / "runs").iterdir())
    case = live.state.study.case  # type: ignore[union-attr]
    prior, basis = case.loading.load.boxes_per_voyage, case.prices.headline_basis  # type: ignore[union-attr]
    told = computed(client, f"set:{prior.evidence_id}:median=300", f"set:{prior.evidence_id}:high=600")
    figures = {f["name"]: f for f in told["figures"]}
    assert figures["containers"]["new"]["median"] > figures["containers"]["old"]["median"]
    price = next(
        p for p in case.prices.price if p.basis in (basis, "all") and p.point and p.commodity.startswith("rounds")
    )  # type: ignore[union-attr]
    dearer = [f"set:{price.evidence_id}:{n}={getattr(price, n) * 2:g}" for n in ("low", "point", "high") if getattr(price, n)]  # fmt: skip
    other = {f["name"]: f for f in computed(client, *dearer)["figures"]}
    assert other["value_usd"]["new"]["median"] > other["value_usd"]["old"]["median"]
    assert other["rounds"]["new"] == other["rounds"]["old"]  # no round leans on a price: same seed, same draws
    assert figures["containers"]["old"]["median"] == live.state.headline["containers"]["median"]
    assert texts(live.folder) == before
    assert sorted((live.folder / ".tumen" / "runs").iterdir()) == runs
    assert {t["old"]["label"] for t in told["trades"]}


def test_a_what_if_has_an_address_and_is_kept_apart_from_the_case(client: TestClient, live: Live) -> None:
    row = live.state.study.case.sightings[0].evidence_id  # type: ignore[union-attr]
    taken = client.get(f"/whatif/take?add=off:{row}")
    assert taken.status_code == 303
    page = client.get(taken.headers["location"])
    assert "withdrawn" in page.text
    again = client.get(f"/whatif/take?s=off:{row}&drop=off:{row}")
    assert "off" not in again.headers["location"]
    answer = client.post("/whatif/compute", data={"csrf": "local-token", "s": f"off:{row}"})
    number = answer.text.split("/whatif/job/")[1].split('"')[0]
    while not client.get(f"/whatif/job/{number}.json").json()["done"]:
        time.sleep(0.05)
    before = texts(live.folder)
    assert client.post("/whatif/keep", data={"csrf": "local-token", "job": number, "name": "../../no <b>"}).status_code == 303  # fmt: skip
    assert texts(live.folder) == before
    page = client.get("/whatif")
    assert "../../no &lt;b&gt;" in page.text
    assert [p.parent for p in (live.folder / ".tumen" / "whatif").iterdir()] == [live.folder / ".tumen" / "whatif"]
    assert client.get("/whatif.json").json()["kept"][0]["items"] == [f"off:{row}"]
    client.post("/whatif/forget", data={"csrf": "local-token", "name": "../../no <b>"})
    assert client.get("/whatif.json").json()["kept"] == []


def test_it_is_saved_only_after_its_diff_was_shown(client: TestClient, live: Live) -> None:
    row = live.state.study.case.sightings[0]  # type: ignore[union-attr]
    before = texts(live.folder)
    form = {"csrf": "local-token", "s": f"off:{row.evidence_id}"}
    shown = client.post("/whatif/save", data=form)
    assert f"+# {row.id}" in shown.text
    assert texts(live.folder) == before
    mark = shown.text.split('name="mark" value="')[1].split('"')[0]
    assert client.post("/whatif/save", data=form | {"mark": "0" * 64}).status_code == 422
    assert texts(live.folder) == before
    assert "Saved" in client.post("/whatif/save", data=form | {"mark": mark}).text
    assert row.id not in {s.id for s in Case.load(live.folder).sightings}
    for name, text in before.items():
        (live.folder / name).write_bytes(text)


def test_new_values_in_the_finders_form_become_suppositions(client: TestClient, live: Live) -> None:
    prior = live.state.study.case.loading.load.boxes_per_voyage  # type: ignore[union-attr]
    asked = {"of": prior.evidence_id, "v.median": "310", "v.low": f"{prior.low:g}", "v.high": f"{prior.high:g}"}
    told = client.get("/whatif/take", params=asked).headers["location"]
    assert f"set%3A{prior.evidence_id}%3Amedian%3D310" in told
    assert "low" not in told
    found = client.get("/whatif.json?find=boxes+per+voyage").json()["found"]
    assert found
    assert found[0]["label"] == "load: boxes per voyage"


def test_a_forged_token_computes_nothing(client: TestClient) -> None:
    assert client.post("/whatif/compute", data={"csrf": "x", "s": "off:abc"}).status_code == 403
    assert client.get("/whatif/job/nothing.json").status_code == 404


def test_not_more_is_queued_than_can_be_waited_for() -> None:
    jobs = Jobs((ValueError,))
    gate = __import__("threading").Event()
    for _ in range(4):
        jobs.start("a", lambda step: {"x": gate.wait(20)})
    with pytest.raises(Busy):
        jobs.start("b", lambda step: {})
    gate.set()


def test_a_failure_is_told_and_belongs_to_its_owner() -> None:
    jobs = Jobs((ValueError,))

    def broken(step: Any) -> dict[str, Any]:
        raise ValueError("not so")

    job = jobs.start("a", broken)
    while not job.done:
        time.sleep(0.01)
    assert job.failed == "not so"
    assert jobs.get(job.id, "b") is None
