"""Who asks: by an API key, or on a service without keys by asking from its own machine."""

import ipaddress
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import msgspec
from flask import Flask, Request, g, request

from api.limits import Limits, add_limit_headers
from api.problems import KeyNeeded, KeyUnknown, ScopeMissing
from api.proxies import address_in
from core.errors import JobFolderTrouble
from core.jobs import LOCAL_CALLER
from core.key_ring import KeyRing
from core.keys import KEY_SECONDS, Caller, Key, Scope, digest_of, is_key

#: Blueprints and endpoints that ask for no key, or see to it themselves.
OPEN = frozenset({"documentation", "health", "legacy", "link_files", "pages", "static"})

#: Those of them that are asked every few seconds by whoever looks after processes.
UNLIMITED = frozenset({"health"})

_KEPT_KEYS = 10_000
# What is remembered is read anew by one request so early, while the others go on with it.
_READ_AGAIN = KEY_SECONDS / 2
# The storage is left in peace so long after it did not answer, or every request would wait for it.
_LEFT_IN_PEACE = 1.0
# The prefix of an IPv6 address that one household or office has to itself.
_SITE = 64

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.ASCII | re.IGNORECASE)
_LOCAL = Caller(LOCAL_CALLER, frozenset({Scope.ADMIN}))
# Set by proxies: whoever asks through one is not on this machine, whatever its address says.
_FORWARDED = (
    *("Forwarded", "Via", "X-Real-Ip"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"),
)

_T = TypeVar("_T")


class _Kept(msgspec.Struct):
    """What was read of the key ring."""

    value: object
    #: When one request reads it anew, and until when it may be used.
    again_at: float
    until: float


class Keys:
    """The key ring as the API reads it: remembered for some seconds, and safe between threads.

    Each method raises JobFolderTrouble when the storage does not answer.
    """

    def __init__(
        self, ring: KeyRing, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ring = ring
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._in_peace_until = float("-inf")

    def find(self, text: str, address: str) -> Key | None:
        """The key, if it is one of ours; `address` is whose tries are counted.

        Raises TooManyFailedKeys before the storage is asked for another. Keys that have worked
        go on working, whoever else tries keys from behind the same address.
        """
        digest = digest_of(text)
        with self._lock:
            kept = self._kept.get(digest)

        def read() -> Key | None:
            if kept is None or kept.value is None:
                self._limits.check_address(address)
            key = self._ring.find(text)
            if key is None:
                self._limits.count_failed_key(address)
            return key

        return self._remembered(digest, read)

    def find_digest(self, digest: str) -> Key | None:
        """The key with this digest, which was a key of ours when somebody signed in with it."""
        return self._remembered(digest, lambda: self._ring.find_digest(digest))

    def is_empty(self) -> bool:
        return self._remembered("", self._ring.is_empty)

    def legacy_callers(self) -> list[str]:
        return self._remembered("legacy", self._ring.legacy_callers)

    def _remembered(self, name: str, read: Callable[[], _T]) -> _T:
        now = self._clock()
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None and now < kept.until:
                if now < kept.again_at:
                    return kept.value  # type: ignore[return-value]  # what this very `read` gave
                kept.again_at = kept.until  # it is this request that reads it anew
            if now < self._in_peace_until:
                raise JobFolderTrouble()
        try:
            fresh = read()
        except JobFolderTrouble:
            with self._lock:
                self._in_peace_until = self._clock() + _LEFT_IN_PEACE
            raise
        self._keep(name, _Kept(fresh, now + _READ_AGAIN, now + KEY_SECONDS))
        return fresh

    def _keep(self, name: str, kept: _Kept) -> None:
        with self._lock:
            self._kept[name] = kept
            self._kept.move_to_end(name)
            if len(self._kept) > _KEPT_KEYS:
                self._kept.popitem(last=False)


def protect(app: Flask, keys: Keys, limits: Limits) -> None:
    """Let nobody in without a key, but where an endpoint is open or the service has no keys.

    What only reads needs the scope `read`, all else `submit`; an endpoint may ask for more.
    Requests are counted for their caller, or where no key is asked for, for their address.
    """
    add_limit_headers(app)

    def check() -> None:
        endpoint = request.endpoint
        if endpoint is None or request.blueprint in UNLIMITED:
            return
        if not OPEN.isdisjoint({endpoint, request.blueprint}):
            limits.count_request(address_of(request))
            return
        g.caller = caller_from(request, keys)
        limits.count_request(current_caller().name)
        require(Scope.READ if request.method in _SAFE else Scope.SUBMIT)

    app.before_request(check)


def current_caller() -> Caller:
    """Who sent the request that is being answered."""
    caller: Caller = g.caller
    return caller


def require(scope: Scope) -> None:
    """Raises ScopeMissing when the request's key does not allow this."""
    if not current_caller().may(scope):
        raise ScopeMissing(f"This key does not have the scope {scope}.")


def caller_from(asked: Request, keys: Keys) -> Caller:
    """Who asks, by a key or from this machine. Raises KeyNeeded or KeyUnknown."""
    given = asked.headers.get("Authorization")
    if given is None:
        if keys.is_empty() and is_local(asked):
            return _LOCAL
        raise KeyNeeded()
    kind, _, text = given.partition(" ")
    if kind.lower() != "bearer":
        raise KeyNeeded()
    return caller_of(text.strip(), keys)


def caller_of(text: str, keys: Keys) -> Caller:
    """Who the key of this request belongs to. Raises KeyUnknown or TooManyFailedKeys."""
    key = keys.find(text, address_of(request)) if is_key(text) else None
    if key is None:
        raise KeyUnknown()
    return key.belongs_to()


def address_of(asked: Request) -> str:
    """Where it comes from, as it is counted; no caller is called so."""
    address = address_in(asked.remote_addr or "")
    if isinstance(address, ipaddress.IPv6Address):
        return f"address {ipaddress.ip_network((address, _SITE), strict=False)}"
    return f"address {address or 'unknown'}"


def is_local(asked: Request, *, from_other_sites: bool = False) -> bool:
    """Whether a program on this machine asks, and no web page of another host through a browser,
    unless those are to count, too.

    A page that has its own name resolve to 127.0.0.1 sends that name as `Host`. Browsers say which
    page a request comes from: the older ones by `Origin`, the others by `Sec-Fetch-Site` too.
    """
    if any(name in asked.headers for name in _FORWARDED):
        return False
    from_here = asked.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
    if not (from_here or from_other_sites):
        return False
    origin = asked.headers.get("Origin")
    if origin is not None and origin != asked.host_url.rstrip("/"):
        return False
    address = address_in(asked.remote_addr or "")
    return bool(_LOCAL_HOST.fullmatch(asked.host) and address and address.is_loopback)
