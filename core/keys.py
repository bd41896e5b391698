"""API keys: who they belong to, and what they allow. Pure; `core/key_ring.py` keeps them."""

import enum
import hashlib
import ipaddress
import re
import secrets
from collections.abc import Iterable
from datetime import datetime

import msgspec

from core.errors import InvalidRequest

#: How long a key may still work after it was revoked, seconds.
KEY_SECONDS = 10.0

_CALLER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_PREFIX = "mgb_"
_BYTES = 32
_SHAPE = re.compile(r"mgb_[A-Za-z0-9_-]{43}", re.ASCII)


class Scope(enum.StrEnum):
    """What a key allows."""

    #: Submit jobs, and change one's own.
    SUBMIT = "submit"
    #: See jobs and download results.
    READ = "read"
    #: All of that for every caller's jobs, and their order.
    ADMIN = "admin"


class Caller(msgspec.Struct, frozen=True):
    """Who asks, and what they may do."""

    name: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def sees(self, owner: str) -> bool:
        """Whether the jobs of this owner exist for them."""
        return self.name == owner or Scope.ADMIN in self.scopes


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is kept: everything but the key itself."""

    #: SHA-256 of the key, hex.
    digest: str
    caller: str
    scopes: tuple[Scope, ...]
    created_at: datetime

    @property
    def id(self) -> str:
        """Names the key to people; tells nothing of it."""
        return self.digest[:12]

    def belongs_to(self) -> Caller:
        return Caller(self.caller, frozenset(self.scopes))


def new_key() -> str:
    """256 random bits; the prefix lets secret scanners find a key that leaked."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def is_key(text: str) -> bool:
    """Whether this has the shape of a key."""
    return _SHAPE.fullmatch(text) is not None


def digest_of(key: str) -> str:
    # A key has 256 random bits, so that a plain digest cannot be searched for it. And it is looked
    # up by its digest, never compared: how long that takes tells of a digest, which nobody can
    # steer towards one that is known.
    return hashlib.sha256(key.encode()).hexdigest()


def only_here(host: str) -> bool:
    """Whether a server that listens at this address is reached from its own machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_caller(name: str) -> str:
    """The name, if a caller may be called so. Raises InvalidRequest."""
    if not _CALLER.fullmatch(name):
        raise InvalidRequest(
            "A caller's name has 1 to 64 letters, digits, '_', '-' or '.', and starts with a "
            "letter or digit."
        )
    return name


def checked_scopes(names: Iterable[str]) -> tuple[Scope, ...]:
    """The scopes of these names, each once. Raises InvalidRequest."""
    try:
        return tuple(dict.fromkeys(Scope(name) for name in names))
    except ValueError as error:
        raise InvalidRequest(f"Scopes are {', '.join(Scope)}.") from error
