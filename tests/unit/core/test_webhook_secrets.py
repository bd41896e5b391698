"""The secrets that sign webhooks, in a real storage."""

from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from core.config import Settings
from core.errors import ConfigError
from core.sealing import new_secret_key
from core.webhook_secrets import OVERLAP, WebhookSecrets, open_webhook_secrets


@pytest.fixture
def kept(tmp_path: Path) -> Settings:
    return Settings(storage_url=f"file://{tmp_path}", secret_keys=(new_secret_key(),))


@pytest.fixture
def secrets(kept: Settings) -> WebhookSecrets:
    return open_webhook_secrets(kept)


def test_a_secret_is_made_at_first_need_and_stays(secrets: WebhookSecrets, kept: Settings) -> None:
    first = secrets.newest("alice")
    assert first.secret.startswith("whsec_") and len(b64decode(first.secret[6:])) == 32
    assert secrets.newest("alice") == open_webhook_secrets(kept).newest("alice") == first
    assert secrets.signing("alice", first.created_at) == (first.secret,)
    assert secrets.newest("bob") != first


def test_whoever_comes_first_at_the_same_time_gets_one_secret(secrets: WebhookSecrets) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: secrets.newest("alice").secret, range(64)))
    assert len(found) == 1


def test_the_one_before_signs_for_a_day_and_is_gone_after_the_next(
    secrets: WebhookSecrets, tmp_path: Path
) -> None:
    old, new = secrets.newest("alice"), secrets.renew("alice")
    assert old.secret != new.secret == secrets.newest("alice").secret
    shortly = new.created_at + OVERLAP - timedelta(seconds=1)
    assert secrets.signing("alice", shortly) == (new.secret, old.secret)
    assert secrets.signing("alice", new.created_at + OVERLAP) == (new.secret,)
    for _ in range(4):
        before, new = new, secrets.renew("alice")
    assert secrets.signing("alice", new.created_at) == (new.secret, before.secret)
    names = sorted(path.name for path in (tmp_path / "webhook-secrets/alice").iterdir())
    assert names == ["0000005", "0000006"]


def test_a_secret_can_be_renewed_before_it_was_ever_needed(secrets: WebhookSecrets) -> None:
    assert secrets.renew("alice") == secrets.newest("alice")


def test_secrets_are_sealed_and_not_shown(secrets: WebhookSecrets, tmp_path: Path) -> None:
    secret = secrets.newest("alice")
    assert secret.secret[6:] not in repr(secret)
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"whsec" not in stored and b"created_at" not in stored


def test_a_secret_of_a_key_that_is_gone_says_so(secrets: WebhookSecrets, kept: Settings) -> None:
    secrets.newest("alice")
    other = msgspec.structs.replace(kept, secret_keys=(new_secret_key(),))
    with pytest.raises(ConfigError, match="MEGABATCH_SECRET_KEYS"):
        open_webhook_secrets(other).newest("alice")
