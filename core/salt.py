"""The salt of a service: a random secret of its own, from which it makes what cannot be guessed.

It is kept once in our storage, sealed, so that every process of the service has the same.
"""

import hashlib
import hmac
import secrets
import threading

import msgspec

from core.config import Settings
from core.sealing import Sealer
from core.storage import Storage, open_storage

_PATH = "salt"
_BYTES = 32


class Salt:
    """Read when first used, then remembered; safe between threads."""

    def __init__(self, storage: Storage, sealer: Sealer) -> None:
        self._storage = storage
        self._sealer = sealer
        self._lock = threading.Lock()
        self._secret: bytes | None = None

    def derive(self, purpose: str, *parts: str) -> bytes:
        """32 bytes that follow from all of these, and that nobody else can tell.

        HMAC-SHA256 of the list of purpose and parts. The same parts for another purpose give other
        bytes. Raises JobFolderTrouble when the salt is not known yet and our storage is away.
        """
        text = msgspec.json.encode([purpose, *parts])
        return hmac.digest(self._known(), text, hashlib.sha256)

    def _known(self) -> bytes:
        with self._lock:
            if self._secret is None:
                self._secret = self._read()
            return self._secret

    def _read(self) -> bytes:
        try:
            sealed = self._storage.read(_PATH)
        except FileNotFoundError:
            made = self._sealer.seal(secrets.token_hex(_BYTES)).encode()
            sealed = self._storage.create(_PATH, made)
        return bytes.fromhex(self._sealer.open(sealed.decode()))

    def __repr__(self) -> str:
        return "Salt(<hidden>)"


def open_salt(settings: Settings, *, impatient: bool = False) -> Salt:
    """The salt of the storage that the settings name; see `open_storage`. Reads nothing yet."""
    return Salt(open_storage(settings, impatient=impatient), Sealer(settings.secret_keys))
