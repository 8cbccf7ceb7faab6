"""Schemathesis over the workbench's own OpenAPI description: does any input bring an answer of 500, or one not described?

    python bench/web_schemathesis.py CASE [--store STORE] [--examples 25] [--seconds 240] [--schemathesis PATH]

The case is copied and served on loopback, first as on one's own machine with a known form token, then as shared with
a moderator signed in, so that forms and comments are reached too. A run writes nothing into the case itself; what
schemathesis wrote into the copy would show. Needs `schemathesis` on the path or named; exits as it does.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def main() -> None:
    """Serve a copy, run, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--examples", type=int, default=25, help="an operation")
    parser.add_argument("--seconds", type=int, default=240, help="at most, for each of the two runs")
    parser.add_argument("--schemathesis", default=shutil.which("schemathesis"))
    given = parser.parse_args()
    if not given.schemathesis:
        raise SystemExit("schemathesis is not on the path; install it or name it with --schemathesis")
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(aside) / "case"
        shutil.copytree(given.case, folder, ignore=shutil.ignore_patterns(".tumen"))
        live = opened(folder, given.store)
        limits = ["--max-examples", str(given.examples), "--max-time", str(given.seconds)]
        codes = [
            attack(live, Path(aside) / "people.sqlite" if shared else None, limits, given.schemathesis)
            for shared in (False, True)
        ]
        raise SystemExit(max(codes))


def opened(folder: Path, store: Path | None) -> Any:
    """The case, computed."""
    from tumen.web.live import Live

    live = Live(folder, store=store)
    state = live.compute()
    if state.faults:
        raise SystemExit("\n".join(state.faults))
    return live


def attack(live: Any, database: Path | None, limits: list[str], program: str) -> int:
    """Run schemathesis over a served folder; its exit code, or 1 where the case's text is not what it was."""
    import uvicorn

    from tumen.web import people
    from tumen.web.app import create_app
    from tumen.web.database import Database

    folder, token, more = live.folder, "bench-token", ["--exclude-path", "/events"]
    known = None
    if database is not None:
        known = Database(database)
        people.add_person(known, "mina", "correct-horse-battery", "analyst", moderator=True)
        cookie = people.sign_in(known, "mina", "correct-horse-battery", "127.0.0.1")
        who = people.session(known, cookie)
        token = who.csrf if who else ""
        # Signing out would end the run's own session.
        more += ["-H", f"Cookie: tumen-session={cookie}", "--exclude-path", "/sign-out"]
    words = "shared, a moderator signed in" if known else "one's own machine"
    print(f"as {words}", flush=True)
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    app = create_app(live, database=known, token="bench-token")
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    command = [
        program, "run", f"{base}/openapi.json", *more, *limits, "--checks", CHECKS,
        "--phases", "examples,coverage,fuzzing", "-H", f"x-csrf: {token}", "--warnings", "off", "--no-color", "--request-timeout", "60",
    ]  # fmt: skip
    code = subprocess.run(command, check=False, cwd=folder.parent).returncode  # it keeps notes where it runs
    server.should_exit = True
    if {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} != before:
        print("the case's text was changed")
        return 1
    return code


if __name__ == "__main__":
    main()
