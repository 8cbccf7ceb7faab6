"""Schemathesis over the workbench's own OpenAPI description: does any input bring an answer of 500, or one not described?

    python bench/web_schemathesis.py CASE [--store STORE] [--examples 25] [--schemathesis PATH]

The case is copied and served on loopback with a known form token, so that forms are reached too; a
run writes nothing into the case itself. Needs `schemathesis` on the path or named; exits as it does.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def main() -> None:
    """Serve a copy, run, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--examples", type=int, default=25)
    parser.add_argument("--schemathesis", default=shutil.which("schemathesis"))
    given = parser.parse_args()
    if not given.schemathesis:
        raise SystemExit("schemathesis is not on the path; install it or name it with --schemathesis")
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(aside) / "case"
        shutil.copytree(given.case, folder, ignore=shutil.ignore_patterns(".tumen"))
        raise SystemExit(attack(folder, given.store, given.examples, given.schemathesis))


def attack(folder: Path, store: Path | None, examples: int, program: str) -> int:
    """Run schemathesis over a served folder; its exit code. What the case's text was is what it is afterwards."""
    import uvicorn

    from tumen.web.app import create_app
    from tumen.web.live import Live

    live = Live(folder, store=store)
    state = live.compute()
    if state.faults:
        raise SystemExit("\n".join(state.faults))
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    config = uvicorn.Config(create_app(live, token="bench-token"), host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    command = [
        program, "run", f"{base}/openapi.json", "--exclude-path", "/events", "--max-examples", str(examples),
        "--checks", CHECKS, "--phases", "examples,fuzzing", "-H", "x-csrf: bench-token", "--no-color",
    ]  # fmt: skip
    code = subprocess.run(command, check=False).returncode
    server.should_exit = True
    if {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} != before:
        print("the case's text was changed")
        return 1
    return code


if __name__ == "__main__":
    main()
