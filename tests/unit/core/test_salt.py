from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from core.config import Settings
from core.errors import ConfigError
from core.salt import Salt, open_salt
from core.sealing import Sealer, new_secret_key
from core.storage import Storage, open_storage


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage_url=f"file://{tmp_path}/storage", secret_keys=(new_secret_key(),))


def test_every_process_of_a_service_derives_the_same(settings: Settings) -> None:
    assert open_salt(settings).derive("a", "b") == open_salt(settings).derive("a", "b")


def test_every_service_derives_its_own(settings: Settings, tmp_path: Path) -> None:
    other = msgspec.structs.replace(settings, storage_url=f"file://{tmp_path}/other")
    assert open_salt(settings).derive("a", "b") != open_salt(other).derive("a", "b")


def test_all_of_purpose_and_parts_counts(settings: Settings) -> None:
    salt = open_salt(settings)
    asked = [("a",), ("b",), ("a", "b"), ("b", "a"), ("a", "", "b"), ("ab",), ("a", "b", "")]
    asked += [("a\0b",), ('a","b',), ("a", "b\0c"), ("a", "b", "c")]
    derived = [salt.derive(*words) for words in asked]
    assert len(set(derived)) == len(asked)
    assert {len(one) for one in derived} == {32}


def test_many_that_begin_at_once_have_one_salt(settings: Settings) -> None:
    salts = [open_salt(settings) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        derived = list(pool.map(lambda salt: salt.derive("a"), salts))
    assert len(set(derived)) == 1


class CountingStorage(Storage):
    """A real storage that counts what is read."""

    reads = 0

    def read(self, path: str) -> bytes:
        self.reads += 1
        return super().read(path)


@pytest.fixture
def counting(settings: Settings) -> Iterator[CountingStorage]:
    yield CountingStorage(open_storage(settings)._store)


class LateStorage(Storage):
    """A real storage that does not see at first what others have just written."""

    late = True

    def read(self, path: str) -> bytes:
        if self.late:
            self.late = False
            raise FileNotFoundError(path)
        return super().read(path)


def test_whoever_comes_second_takes_what_stands(settings: Settings) -> None:
    first = open_salt(settings).derive("a")
    late = Salt(LateStorage(open_storage(settings)._store), Sealer(settings.secret_keys))
    assert late.derive("a") == first


def test_it_is_read_once(settings: Settings, counting: CountingStorage) -> None:
    open_salt(settings).derive("a")
    salt = Salt(counting, Sealer(settings.secret_keys))
    assert [salt.derive(str(n)) for n in range(5)] and counting.reads == 1


def test_it_lies_sealed(settings: Settings, tmp_path: Path) -> None:
    salt = open_salt(settings)
    salt.derive("a")
    kept = (tmp_path / "storage" / "salt").read_text()
    secret = Sealer(settings.secret_keys).open(kept)
    assert len(bytes.fromhex(secret)) == 32
    assert secret not in kept and secret not in repr(salt)


def test_without_its_key_it_cannot_be_used(settings: Settings) -> None:
    open_salt(settings).derive("a")
    other = msgspec.structs.replace(settings, secret_keys=(new_secret_key(),))
    with pytest.raises(ConfigError, match="MEGABATCH_SECRET_KEYS"):
        open_salt(other).derive("a")
