"""Starting the workbench: where it listens, over what, and with whom.

Nothing listens beyond loopback unless it is told to, and then only with sign-in and with TLS of
its own or behind a proxy that does it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
import sys
from pathlib import Path

from tumen.web.app import create_app
from tumen.web.database import Database
from tumen.web.live import Live


class ServeError(ValueError):
    """The workbench will not be started so; the message says what to give."""


def database_of(case: Path, people: Path | None) -> Database:
    """The database of people and comments of a case: the file named, or one in the user's data folder.

    It is kept apart from the case, which may be published, and from `.tumen/`, which may be deleted.
    """
    if people is None:
        home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
        mark = hashlib.sha256(str(case.resolve()).encode()).hexdigest()[:8]
        people = home / "tumen" / f"{case.resolve().name}-{mark}.sqlite"
    return Database(people)


def serve_case(
    case: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    shared: bool = False,
    names: set[str] | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    behind_proxy: bool = False,
    people: Path | None = None,
    as_of: dt.date | None = None,
    store: Path | None = None,
    workers: int = 1,
) -> None:
    """Serve a case until interrupted. Raises `ServeError` for a combination that is not safe."""
    import uvicorn

    check(host, shared, names or set(), certificate, key, behind_proxy)
    if not case.is_dir():
        raise ServeError(f"{case}: not a folder, expected the folder of a case")
    database = database_of(case, people) if shared else None
    live = Live(case, as_of=as_of.isoformat() if as_of else None, store=store, workers=workers)
    secure = certificate is not None or behind_proxy
    app = create_app(live, database=database, hosts={host, *(names or set())}, secure=secure)
    live.start()
    scheme = "https" if certificate else "http"
    print(f"workbench: {scheme}://{host}:{port}/  (Ctrl+C ends it)", file=sys.stderr)
    try:
        uvicorn.run(
            app, host=host, port=port, log_level="warning", server_header=False, proxy_headers=behind_proxy,
            forwarded_allow_ips="127.0.0.1" if behind_proxy else "", timeout_graceful_shutdown=3,
            ssl_certfile=str(certificate) if certificate else None, ssl_keyfile=str(key) if key else None,
        )  # fmt: skip
    finally:
        live.stop()


def check(
    host: str, shared: bool, names: set[str], certificate: Path | None, key: Path | None, behind_proxy: bool
) -> None:
    """Refuse what would open the case to others unguarded."""
    if (certificate is None) != (key is None):
        raise ServeError("--certificate and --key go together")
    for path in (certificate, key):
        if path is not None and not path.is_file():
            raise ServeError(f"{path}: not a file, expected PEM")
    if behind_proxy and not shared:
        raise ServeError("--behind-proxy opens the workbench to others; give --shared too, so that they sign in")
    if _loopback(host):
        if names and not (certificate or behind_proxy):
            raise ServeError("--name needs --certificate and --key, or --behind-proxy")
        return
    if not shared:
        raise ServeError(f"{host} is open to others; give --shared too, so that they sign in")
    if certificate is None and not behind_proxy:
        raise ServeError(
            f"{host} is open to others; give --certificate and --key, or --behind-proxy for a proxy with TLS"
        )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
