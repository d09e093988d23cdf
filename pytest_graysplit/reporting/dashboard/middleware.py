"""Middleware that protects the page: security headers, the check of the host name, and the token."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_HOSTS = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?", re.IGNORECASE)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
HOW = "add ?token=... to the address once, or send the header Authorization: Bearer ..."


class SecurityHeadersMiddleware:
    """ASGI middleware that adds the headers against caching, framing and reading by other origins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, and add each header that it did not set itself."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class LocalHostMiddleware:
    """ASGI middleware that rejects other host names than those of this machine, against DNS rebinding."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, or answer 421."""
        if scope["type"] == "http" and not LOCAL_HOSTS.fullmatch(Request(scope).headers.get("host", "")):
            refusal = JSONResponse({"error": "this page answers to localhost and 127.0.0.1 only"}, status_code=421)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


class TokenAuthMiddleware:
    """ASGI middleware that requires the token: in the address once, then in a cookie, or as a bearer token.

    The addresses in `free`, which begin where the app is mounted, need none.
    """

    def __init__(self, app: ASGIApp, token: str, free: Collection[str] = ()) -> None:
        self._app = app
        self._token = token
        self._free = free
        # The cookie is valid for this page only and does not reveal the token.
        self._cookie_value = hashlib.sha256(b"graysplit page " + token.encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, redirect to the address without the token, or answer 401."""
        if scope["type"] != "http" or _path_in_app(scope) in self._free:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if _same(request.query_params.get("token", "").encode(), self._token):
            await self._redirect_with_cookie(request)(scope, receive, send)
        elif self._has_token(request):
            await self._app(scope, receive, send)
        else:
            await _token_needed(request)(scope, receive, send)

    def _has_token(self, request: Request) -> bool:
        # Starlette decodes headers as Latin-1, one letter per byte.
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        named = scheme.lower() == "bearer" and _same(bearer.strip().encode("latin-1"), self._token)
        return named or _same(request.cookies.get(_cookie(request), "").encode(), self._cookie_value)

    def _redirect_with_cookie(self, request: Request) -> Response:
        # A relative address works below any prefix and behind any proxy; without "./" an id could look like a scheme.
        bare = request.url.remove_query_params("token")
        here = "./" + bare.path.rsplit("/", 1)[-1]
        response = RedirectResponse(f"{here}?{bare.query}" if bare.query else here, status_code=303)
        response.set_cookie(
            _cookie(request),
            self._cookie_value,
            path=request.scope.get("root_path") or "/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return response


def _path_in_app(scope: Scope) -> str:
    """Return the path below the mount, as the router finds it."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if path.startswith(f"{root}/") else path


def _cookie(request: Request) -> str:
    # Browsers store cookies per host, not per port. The port in the name keeps the pages of one machine apart.
    return f"graysplit_{request.url.port or 0}"


def _same(given: bytes, wanted: str) -> bool:
    return hmac.compare_digest(given, wanted.encode())


def _token_needed(request: Request) -> Response:
    headers = {"WWW-Authenticate": "Bearer"}
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": "this page needs its token", "hint": HOW}, status_code=401, headers=headers)
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Token needed</title><h1>This page needs its token</h1><p>To open it, {HOW}.</p></html>"
    )
    return HTMLResponse(page, status_code=401, headers=headers)
