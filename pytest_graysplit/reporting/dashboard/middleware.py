"""Who may see the page: who holds the token, or who asks this machine by its own name."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_NAMES = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?", re.IGNORECASE)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
HOW = "add ?token=... to the address once, or send the header Authorization: Bearer ..."


class SecurityHeadersMiddleware:
    """Adds to every answer what keeps it out of caches, frames and other origins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, with the headers that the app did not set itself."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class LocalHostMiddleware:
    """Refuses requests for another host name, with which a page of someone else may have reached this machine."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with 421."""
        if scope["type"] == "http" and not LOCAL_NAMES.fullmatch(Request(scope).headers.get("host", "")):
            refusal = JSONResponse({"error": "this page answers to localhost and 127.0.0.1 only"}, status_code=421)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


class TokenAuthMiddleware:
    """Lets through who holds the token: in the address (once, then a cookie keeps it), or as a bearer."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token
        # What the browser keeps is of use here alone, and does not tell the token.
        self._pass = hashlib.sha256(b"graysplit page " + token.encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, redirect to the address without the token, or refuse with 401."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if _same(request.query_params.get("token", "").encode(), self._token):
            await self._remembered(request)(scope, receive, send)
        elif self._holds(request):
            await self._app(scope, receive, send)
        else:
            await _refused(request)(scope, receive, send)

    def _holds(self, request: Request) -> bool:
        # Headers arrive as the bytes that were sent, each as one letter.
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        named = scheme.lower() == "bearer" and _same(bearer.strip().encode("latin-1"), self._token)
        return named or _same(request.cookies.get(_cookie(request), "").encode(), self._pass)

    def _remembered(self, request: Request) -> Response:
        # Relative, so that it holds below any prefix and behind any proxy; without "./" an id could pass for a scheme.
        bare = request.url.remove_query_params("token")
        here = "./" + bare.path.rsplit("/", 1)[-1]
        response = RedirectResponse(f"{here}?{bare.query}" if bare.query else here, status_code=303)
        response.set_cookie(
            _cookie(request),
            self._pass,
            path=request.scope.get("root_path") or "/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return response


def _cookie(request: Request) -> str:
    # Browsers keep cookies by host, not by port: two pages on one machine must not overwrite each other's.
    return f"graysplit_{request.url.port or 0}"


def _same(given: bytes, wanted: str) -> bool:
    return hmac.compare_digest(given, wanted.encode())


def _refused(request: Request) -> Response:
    headers = {"WWW-Authenticate": "Bearer"}
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": "this page needs its token", "hint": HOW}, status_code=401, headers=headers)
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Token needed</title><h1>This page needs its token</h1><p>To open it, {HOW}.</p></html>"
    )
    return HTMLResponse(page, status_code=401, headers=headers)
