"""Signing in to the pages: a cookie that stands for an API key, and never holds it.

The cookie holds the key's digest and its own expiry, sealed. The digest is looked up in the key
ring whenever the cookie is used, so that revoking the key ends it. Browsers send the cookie to the
pages of jobs alone, and the API never reads it.
"""

import re
from datetime import datetime, timedelta
from typing import cast

import msgspec
from flask import Blueprint, Request, Response, redirect, request

from api.auth import Keys, caller_of, is_local
from api.body import JsonRequest
from api.page import page
from api.problems import KeyNeeded, KeyUnknown, ScopeMissing, SentFromElsewhere
from core.errors import ConfigError
from core.jobs import utc_now
from core.keys import Caller, Scope, digest_of
from core.sealing import Sealer

COOKIE = "megabatch_signed_in"
#: How long a person stays signed in, seconds.
SIGNED_IN_SECONDS = 12 * 60 * 60

#: Where the browser may go on to after signing in; nobody is sent to another place or host.
_PAGES = re.compile(r"/jobs(/[0-9a-f]{32})?", re.ASCII)
_PATH = "/jobs"
# A key and a page.
_MAX_FORM_BYTES = 8 * 1024


class _SignedIn(msgspec.Struct, frozen=True, tag="signed-in"):
    digest: str
    expires_at: datetime


class SignIns:
    """Makes cookies and reads them."""

    def __init__(self, keys: Keys, sealer: Sealer) -> None:
        self._keys = keys
        self._sealer = sealer

    def cookie(self, key: str) -> str:
        """What stands for this key. Raises KeyUnknown, or ScopeMissing for one that cannot read."""
        checked_reader(caller_of(key, self._keys))
        expires_at = utc_now() + timedelta(seconds=SIGNED_IN_SECONDS)
        signed_in = _SignedIn(digest_of(key), expires_at)
        return self._sealer.seal(msgspec.json.encode(signed_in).decode())

    def caller(self, cookie: str) -> Caller | None:
        """Who has signed in; None when the cookie has expired, is none of ours, or the key went."""
        try:
            signed_in = msgspec.json.decode(self._sealer.open(cookie), type=_SignedIn)
        except (ConfigError, msgspec.DecodeError):
            return None
        if signed_in.expires_at <= utc_now():
            return None
        key = self._keys.find_digest(signed_in.digest)
        return key.belongs_to() if key else None

    def may_be_local(self, asked: Request) -> bool:
        """Whether no key is needed, but the request came here from another site's page."""
        return self._keys.is_empty() and is_local(asked, from_other_sites=True)


def checked_reader(caller: Caller) -> Caller:
    """The caller. Raises ScopeMissing when they may not read."""
    if not caller.may(Scope.READ):
        raise ScopeMissing("This key does not have the scope read, which the pages need.")
    return caller


def add_sign_in(blueprint: Blueprint, sign_ins: SignIns) -> None:
    """The form that asks for a key, and what it and its opposite do."""

    @blueprint.get("/sign-in")
    def sign_in_form() -> Response:
        return form(sign_ins, after=request.args.get("next", ""))

    @blueprint.post("/sign-in")
    def sign_in() -> Response:
        _check_form()
        after = request.form.get("next", "")
        try:
            cookie = sign_ins.cookie(request.form.get("key", "").strip())
        except (KeyUnknown, ScopeMissing) as error:
            return form(sign_ins, after=after, status=error.status, wrong=error.message)
        response = _go_on(after)
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=SIGNED_IN_SECONDS,
            path=_PATH,
            secure=request.is_secure,
            httponly=True,
            samesite="Strict",
        )
        return response

    @blueprint.post("/sign-out")
    def sign_out() -> Response:
        _check_form()
        response = redirect("/sign-in", 303)
        response.delete_cookie(COOKIE, path=_PATH, httponly=True, samesite="Strict")
        return response  # type: ignore[return-value]  # Flask's own kind of response


def _check_form() -> None:
    """Raises BodyTooLarge, or SentFromElsewhere: nobody is to be signed in by another site's page.

    What `Sec-Fetch-Site` says holds behind any proxy, but browsers send it over https alone.
    """
    cast(JsonRequest, request).bound_body(_MAX_FORM_BYTES)
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:
        ours = origin is None or origin.partition("://")[2] == request.host
    if not ours:
        raise SentFromElsewhere()


def form(sign_ins: SignIns, *, after: str, status: int = 200, wrong: str = "") -> Response:
    """The page that asks for a key, and goes on to the page `after`."""
    opened_from_elsewhere = status == KeyNeeded.status and sign_ins.may_be_local(request)
    return page(
        "sign_in.html",
        status,
        after=_page_of_ours(after),
        wrong=wrong,
        opened_from_elsewhere=opened_from_elsewhere,
    )


def _go_on(after: str) -> Response:
    return redirect(_page_of_ours(after), 303)  # type: ignore[return-value]  # as above


def _page_of_ours(path: str) -> str:
    return path if _PAGES.fullmatch(path) else _PATH
