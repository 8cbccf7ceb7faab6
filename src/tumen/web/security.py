"""What every answer of the workbench carries, and what every request must pass.

Headers after the OWASP Secure Headers Project; forms are guarded by a token bound to the
session and by the browser's own `Sec-Fetch-Site`. Bodies are bounded before they are read.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Everything a page needs comes from here; MapLibre's worker is a file of ours, tiles are data.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self' blob:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# A form holds one row of a case or 250 characters; a marked image region is smaller.
MAX_BODY = 256 * 1024


class Guard:
    """ASGI middleware: headers out, host, origin and size in."""

    def __init__(self, app: App, hosts: set[str], secure: bool = False) -> None:
        self.app, self.hosts = app, hosts
        self.headers = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
        if secure:
            self.headers.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is not None:
            await self._answer(send, *refused)
            return
        read, begun = _Bounded(receive), False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, read, self._with_headers(scope, sent))
        except Exception:
            # A body without a stated length that grows too large is cut off: whoever read it fell over the cut.
            if not read.cut or begun:
                raise
            await self._answer(send, 413, f"too large; expected at most {MAX_BODY // 1024} kB")

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        # A page elsewhere may resolve its own name to this machine (DNS rebinding): the name must be ours.
        if _name(headers.get("host", "")) not in self.hosts:
            return 421, "this host name is not served here"
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or len(length) > 12 or int(length) > MAX_BODY:
            return 413, f"too large; expected at most {MAX_BODY // 1024} kB"
        if scope["method"] not in SAFE_METHODS:
            if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                return 403, "refused: the request comes from another site"
            origin = headers.get("origin")
            if origin not in (None, "null") and (origin or "").partition("://")[2] != headers.get("host"):
                return 403, "refused: the request comes from another site"
        return None

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = list(self.headers)
                kept = b"no-store"
                if scope["path"].startswith("/static/"):  # an address that names the file's state never changes
                    stated = scope.get("query_string", b"").startswith(b"v=")
                    kept = b"public, max-age=31536000, immutable" if stated else b"no-cache"
                extra.append((b"cache-control", kept))
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        return with_headers

    async def _answer(self, send: Send, status: int, text: str) -> None:
        body = text.encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *self.headers]})
        await send({"type": "http.response.body", "body": body})


def _name(host: str) -> str | None:
    """The name in a Host header; None where it is none.

    >>> _name("127.0.0.1:8000"), _name("[::1]:80"), _name("[::1"), _name("other@127.0.0.1")
    ('127.0.0.1', '::1', None, None)
    """
    try:
        parts = urlsplit(f"//{host}")
        return None if parts.path or parts.query or "@" in host else parts.hostname
    except ValueError:
        return None


class _Bounded:
    """The body of a request, cut off where it grows beyond the bound."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._seen, self.cut = receive, 0, False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > MAX_BODY:
            self.cut = True
            return {"type": "http.disconnect"}
        return message


class Packed:
    """ASGI middleware: compresses files and JSON, never pages, whose form tokens compression could betray (BREACH)."""

    def __init__(self, app: App) -> None:
        from starlette.middleware.gzip import GZipMiddleware

        self.app, self.packing = app, GZipMiddleware(app, minimum_size=2000, compresslevel=4)  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, its answer packed where that is safe."""
        path = scope.get("path", "")
        packs = scope["type"] == "http" and (path.startswith("/static/") or path.endswith(".json"))
        await (self.packing if packs else self.app)(scope, receive, send)


def same(given: str, expected: str) -> bool:
    """Compare two tokens in constant time."""
    return secrets.compare_digest(given.encode(), expected.encode())
