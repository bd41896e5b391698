import pytest

from core.errors import ConfigError
from core.sealing import Sealer, new_secret_key


def test_sealed_text_opens_again_and_shows_nothing() -> None:
    sealer = Sealer((new_secret_key(),))
    token = sealer.seal("sig=CANARY")
    assert "CANARY" not in token and "CANARY" not in repr(sealer)
    assert sealer.open(token) == "sig=CANARY"


def test_keys_rotate() -> None:
    old, new = new_secret_key(), new_secret_key()
    token = Sealer((old,)).seal("text")
    assert Sealer((new, old)).open(token) == "text"
    with pytest.raises(ConfigError):
        Sealer((new,)).open(token)


def test_key_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match="MEGABATCH_SECRET_KEYS"):
        Sealer(("not a key",))
