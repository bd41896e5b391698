"""The secrets that sign what webhooks are told: one a caller, sealed in our own storage.

webhook-secrets/{caller}/{0000001}    create-only; the highest number is the newest
"""

import secrets
from base64 import b64encode
from datetime import datetime, timedelta

import msgspec

from core.config import Settings
from core.jobs import utc_now
from core.sealing import Sealer
from core.storage import Storage, open_storage
from core.webhooks import SECRET_PREFIX

#: So long after a new secret was made, the one before signs too.
OVERLAP = timedelta(hours=24)
_BYTES = 32


class WebhookSecret(msgspec.Struct, frozen=True):
    """A secret, as Standard Webhooks writes it: `whsec_` and base64."""

    secret: str
    created_at: datetime

    def __repr__(self) -> str:
        return "WebhookSecret(<hidden>)"


class WebhookSecrets:
    """The secrets of all callers of one storage.

    Each method raises JobFolderTrouble when it does not answer, and ConfigError when a secret was
    sealed by a key that is no longer known.
    """

    def __init__(self, storage: Storage, sealer: Sealer) -> None:
        self._storage = storage
        self._sealer = sealer

    def newest(self, caller: str) -> WebhookSecret:
        """The caller's secret, which is made when it is first asked for."""
        numbers = self._numbers(caller)
        return self._read(caller, numbers[-1]) if numbers else self._create(caller, 1)

    def renew(self, caller: str) -> WebhookSecret:
        """A new secret. The one before signs for a day yet; those before it are deleted."""
        numbers = self._numbers(caller)
        made = self._create(caller, (numbers[-1] if numbers else 0) + 1)
        for number in numbers[:-1]:
            self._storage.delete(_path(caller, number))
        return made

    def signing(self, caller: str, now: datetime) -> tuple[str, ...]:
        """What a message of this moment is signed with, the newest first."""
        newest = self.newest(caller)
        before = self._numbers(caller)[-2:-1]
        if not before or now - newest.created_at >= OVERLAP:
            return (newest.secret,)
        return newest.secret, self._read(caller, before[0]).secret

    def _create(self, caller: str, number: int) -> WebhookSecret:
        """What stands under this number: of two at a time both are given the first."""
        random = b64encode(secrets.token_bytes(_BYTES)).decode()
        made = msgspec.json.encode(WebhookSecret(SECRET_PREFIX + random, utc_now()))
        sealed = self._sealer.seal(made.decode()).encode()
        return self._open(self._storage.create(_path(caller, number), sealed))

    def _read(self, caller: str, number: int) -> WebhookSecret:
        return self._open(self._storage.read(_path(caller, number)))

    def _open(self, sealed: bytes) -> WebhookSecret:
        text = self._sealer.open(sealed.decode())
        return msgspec.json.decode(text, type=WebhookSecret)

    def _numbers(self, caller: str) -> list[int]:
        return [int(name) for name in self._storage.names(f"webhook-secrets/{caller}/")]


def _path(caller: str, number: int) -> str:
    return f"webhook-secrets/{caller}/{number:07d}"


def open_webhook_secrets(settings: Settings, *, impatient: bool = False) -> WebhookSecrets:
    """The secrets of the storage that the settings name; see `open_storage`."""
    return WebhookSecrets(open_storage(settings, impatient=impatient), Sealer(settings.secret_keys))
