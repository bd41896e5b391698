"""Sealing of SAS URLs and other secrets, for our storage and Redis."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from core.errors import ConfigError


class Sealer:
    """Encrypts secrets for our storage and Redis. The first key seals, all open (rotation)."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ConfigError(
                "MEGABATCH_SECRET_KEYS is not set. Make a key with `megabatch secret-key` and give "
                "the same one to the API and to every worker."
            )
        try:
            fernets = [Fernet(key) for key in keys]
        except ValueError as error:
            raise ConfigError(
                "MEGABATCH_SECRET_KEYS holds something that is not a key; "
                "make one with `megabatch secret-key`."
            ) from error
        self._first, self._fernet = fernets[0], MultiFernet(fernets)

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, token: str) -> str:
        """Raises ConfigError when none of the keys sealed this."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise ConfigError(
                "A sealed value cannot be opened: MEGABATCH_SECRET_KEYS lacks the key that sealed "
                "it. Give the API and the workers the same keys, and keep old ones in the list."
            ) from error

    def reseal(self, token: str) -> str:
        """The same, sealed by the first key; `token` itself where that key sealed it.

        Raises ConfigError when none of the keys did.
        """
        try:
            self._first.decrypt(token.encode())
        except InvalidToken:
            return self.seal(self.open(token))
        return token

    def __repr__(self) -> str:
        return "Sealer(<hidden>)"


def new_secret_key() -> str:
    return Fernet.generate_key().decode()
