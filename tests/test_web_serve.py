"""Nothing listens beyond loopback unless it is told to, and then only with sign-in and TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the web extra")

from tumen.web.serve import ServeError, check


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.0.1"])
def test_loopback_needs_nothing(host: str) -> None:
    check(host, False, set(), None, None, False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "tumen.example.org", "localhost.example.org", ""])
def test_beyond_loopback_needs_sign_in_and_tls(host: str, tmp_path: Path) -> None:
    pem = tmp_path / "x.pem"
    pem.write_text("PEM", encoding="utf-8")
    for shared, certificate, proxy in ((False, None, False), (True, None, False), (False, pem, False), (False, None, True)):  # fmt: skip
        with pytest.raises(ServeError):
            check(host, shared, set(), certificate, certificate, proxy)
    check(host, True, set(), pem, pem, False)
    check(host, True, set(), None, None, True)


def test_a_name_or_half_a_certificate_is_refused(tmp_path: Path) -> None:
    pem = tmp_path / "x.pem"
    pem.write_text("PEM", encoding="utf-8")
    for names, certificate, key in (({"a.example"}, None, None), (set(), pem, None), (set(), pem, tmp_path / "no.pem")):
        with pytest.raises(ServeError):
            check("127.0.0.1", False, names, certificate, key, False)
