"""The API keys of a service, in its own storage: `keys/{digest}.json`, never the keys themselves.

Callers of the API of 2019, which knew names and no keys, stand in `legacy-callers/{name}`.
"""

import re
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from core.config import Settings
from core.errors import InvalidRequest, JobFolderTrouble
from core.jobs import utc_now
from core.keys import Key, Scope, checked_caller, digest_of, new_key
from core.storage import Storage, open_storage

_KEYS, _LEGACY = "keys/", "legacy-callers/"
_FILE = re.compile(r"[0-9a-f]{64}\.json", re.ASCII)


class KeyRing:
    """The keys of one storage. Each method raises JobFolderTrouble when it does not answer."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def create(self, caller: str, scopes: tuple[Scope, ...]) -> str:
        """A new key, which can be seen this once. Raises InvalidRequest for a bad name."""
        text = new_key()
        key = Key(
            digest=digest_of(text),
            caller=checked_caller(caller),
            scopes=scopes,
            created_at=utc_now(),
        )
        self._storage.create(f"{_KEYS}{key.digest}.json", msgspec.json.encode(key))
        return text

    def find(self, text: str) -> Key | None:
        """What is kept of this key; None when it is none of ours, or was revoked."""
        return self.find_digest(digest_of(text))

    def find_digest(self, digest: str) -> Key | None:
        """Likewise, of the key with this digest."""
        try:
            return self._read(f"{digest}.json")
        except FileNotFoundError:
            return None

    def is_empty(self) -> bool:
        """Whether nobody was ever given a key, or all were revoked."""
        return not self._files()

    def keys(self) -> list[Key]:
        """All keys, oldest first."""
        return sorted(self._all(), key=lambda key: key.created_at)

    def revoke(self, start: str) -> Key:
        """Forget the one key whose id starts so. Raises InvalidRequest for none, or several."""
        found = [key for key in self.keys() if start and key.digest.startswith(start)]
        if len(found) != 1:
            many = "Several keys have" if found else "No key has"
            raise InvalidRequest(f"{many} an id that starts with {start!r}; see the list of keys.")
        self._storage.delete(f"{_KEYS}{found[0].digest}.json")
        return found[0]

    def _files(self) -> list[str]:
        # An operating system may leave files of its own in a folder.
        return [name for name in self._storage.names(_KEYS) if _FILE.fullmatch(name)]

    def _all(self) -> Iterator[Key]:
        for name in self._files():
            with suppress(FileNotFoundError):  # revoked in this moment
                yield self._read(name)

    def _read(self, name: str) -> Key:
        data = self._storage.read(_KEYS + name)
        try:
            return msgspec.json.decode(data, type=Key)
        except msgspec.DecodeError as error:
            raise JobFolderTrouble(
                f"{_KEYS}{name} is damaged; delete it, and create another key."
            ) from error

    # The callers of 2019.

    def allow_legacy(self, caller: str) -> None:
        """Let the API of 2019 take jobs of this caller, whose name is all that it asks for."""
        self._storage.create(_LEGACY + checked_caller(caller), b"")

    def legacy_callers(self) -> list[str]:
        return self._storage.names(_LEGACY)

    def forbid_legacy(self, caller: str) -> None:
        self._storage.delete(_LEGACY + checked_caller(caller))


def open_key_ring(settings: Settings, *, impatient: bool = False) -> KeyRing:
    return KeyRing(open_storage(settings, impatient=impatient))
