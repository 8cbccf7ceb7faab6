"""Nothing that is sent to the workbench breaks it: every address of its description and every form, with odd input."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("starlette", reason="needs the web extra")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tumen.web.app import create_app
from tumen.web.knobs import items
from tumen.web.live import Live

ODD = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["", "0", "-1", "1e999", "nan", "../../etc/passwd", "<script>", "' OR 1=1 --", "\x00", "%00", "\u202e", "9" * 40]
    ),
)  # fmt: skip
FORMS = (
    "/add/sighting",
    "/add/claim",
    "/add/nothing",
    "/add/source",
    "/edit/sighting/s001",
    "/knobs",
    "/whatif/compute",
    "/whatif/save",
    "/whatif/keep",
    "/comments",
    "/sign-in",
    "/sign-out",
)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder(_starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fuzz") / "case"
    shutil.copytree(_starter, made)
    return made


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    live = Live(folder)
    assert live.compute().faults == ()
    app = create_app(live, token="local-token")
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture(scope="module")
def described(client: TestClient) -> dict[str, Any]:
    made: dict[str, Any] = client.get("/openapi.json").json()["paths"]
    return {path: told for path, told in made.items() if path != "/events" and "get" in told}  # that one streams on


@given(data=st.data())
@FEW
def test_every_described_address_answers_as_described(
    client: TestClient, described: dict[str, Any], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(described)))
    told = described[path]["get"]
    names = [p["name"] for p in told["parameters"] if p["in"] == "query"] + ["unknown", "version"]
    query = data.draw(st.dictionaries(st.sampled_from(names), ODD, max_size=3))
    answer = client.get(path.replace("{item}", quote(data.draw(ODD), safe="")), params=query)
    assert answer.status_code < 500, (path, query)
    if answer.status_code == 200 and "{item}" not in path:
        assert isinstance(answer.json(), dict)


@given(path=st.text(max_size=60), form=st.dictionaries(st.text(max_size=20), ODD, max_size=5))
@FEW
def test_any_address_and_any_form_is_answered(client: TestClient, path: str, form: dict[str, str]) -> None:
    address = "/" + quote(path, safe="/")
    assert client.get(address).status_code < 500
    assert client.post(address, data=form).status_code < 500


@given(data=st.data())
@FEW
def test_forms_with_our_own_token_refuse_odd_fields(client: TestClient, folder: Path, data: st.DataObject) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    path = data.draw(st.sampled_from(FORMS))
    names = st.sampled_from(
        [
            "id",
            "date",
            "place",
            "what",
            "source",
            "text",
            "mark",
            "base",
            "s",
            "job",
            "author",
            "box.tonnes",
            "anchor",
            "body",
            "name",
            "password",
        ]
    )
    form = data.draw(st.dictionaries(st.one_of(names, st.text(max_size=12)), ODD, max_size=8))
    answer = client.post(path, data=form | {"csrf": "local-token"})
    assert answer.status_code < 500, (path, form)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before


def test_a_turned_prior_is_written_in_either_form_of_toml(client: TestClient, folder: Path) -> None:
    path = folder / "loading.toml"
    before = path.read_text(encoding="utf-8")
    inline = tomllib.loads(before)["load"]["boxes_per_voyage"]
    for text in (before, _as_table(before, inline)):
        path.write_text(text, encoding="utf-8")
        client.app.state.bench.live.compute()  # type: ignore[attr-defined]
        case = client.app.state.bench.live.state.study.case  # type: ignore[attr-defined]
        asked = [str(i) for i in items(case, {"load.boxes_per_voyage": "300"})]
        form = {"csrf": "local-token", "s": asked}
        shown = client.post("/whatif/save", data=form)
        mark = re.search(r'name="mark" value="([0-9a-f]{64})"', shown.text)
        assert mark, shown.text
        assert path.read_text(encoding="utf-8") == text
        assert client.post("/whatif/save", data=form | {"mark": mark[1]}).status_code == 200
        told = tomllib.loads(path.read_text(encoding="utf-8"))["load"]["boxes_per_voyage"]
        assert told == inline | {"median": 300, "low": 150, "high": 500}
    path.write_text(before, encoding="utf-8")


def _as_table(text: str, prior: dict[str, Any]) -> str:
    kept = re.sub(r"(?m)^boxes_per_voyage.*\n", "", text)
    fields = "\n".join(f"{k} = {json.dumps(v)}" for k, v in prior.items())
    return f"{kept}\n[load.boxes_per_voyage]\n{fields}\n"


def test_schemathesis_finds_nothing(folder: Path) -> None:
    program = shutil.which("schemathesis") or shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("needs schemathesis; bench/web_schemathesis.py runs it where it is installed")
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, str(root / "bench" / "web_schemathesis.py"), str(folder), "--examples", "3", "--seconds", "120", "--schemathesis", program]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout[-4000:] + made.stderr[-2000:]
