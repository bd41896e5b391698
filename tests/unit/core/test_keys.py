"""Keys as values, and the ring that keeps them in the storage."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from core.config import Settings
from core.errors import InvalidRequest, JobFolderTrouble
from core.key_ring import KeyRing, open_key_ring
from core.keys import Caller, Scope, checked_caller, checked_scopes, is_key, new_key, only_here

BOTH = (Scope.SUBMIT, Scope.READ)


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    return tmp_path / "storage"


@pytest.fixture
def ring(storage: Path) -> KeyRing:
    return open_key_ring(Settings(storage_url=storage.as_uri()))


def test_a_key_is_found_by_its_text_alone(ring: KeyRing) -> None:
    text = ring.create("north", BOTH)
    key = ring.find(text)
    assert key is not None
    assert key.belongs_to() == Caller("north", frozenset(BOTH))
    assert ring.find(new_key()) is None
    assert ring.find(key.digest) is None


def test_only_a_hash_is_kept(ring: KeyRing, storage: Path) -> None:
    text = ring.create("north", BOTH)
    files = [path for path in storage.rglob("*") if path.is_file()]
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert [path.name for path in files] == [f"{digest}.json"]
    secret = text.removeprefix("mgb_").encode()
    assert not [path for path in files if secret in path.read_bytes()]


def test_keys_differ_and_have_256_random_bits() -> None:
    made = {new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(is_key(text) and len(text) == len("mgb_") + 43 for text in made)


@pytest.mark.parametrize(
    "text", ["", "mgb_", "mgb_" + "a" * 42, "mgb_" + "a" * 44, "mgb_" + "é" * 43, "x" * 47]
)
def test_what_is_no_key(text: str) -> None:
    assert not is_key(text)
    assert not is_key(new_key() + text[:1] + "\n")


def test_a_ring_is_empty_until_the_first_key_and_after_the_last(ring: KeyRing) -> None:
    assert ring.is_empty()
    ring.create("north", BOTH)
    assert not ring.is_empty()
    ring.revoke(ring.keys()[0].id)
    assert ring.is_empty()


def test_a_revoked_key_is_found_no_more(ring: KeyRing) -> None:
    text, other = ring.create("north", BOTH), ring.create("north", BOTH)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert ring.revoke(digest[:12]).digest == digest
    assert ring.find(text) is None
    assert ring.find(other) is not None


@pytest.mark.parametrize("start", ["", "zz"])
def test_revoking_none_or_several_revokes_nothing(ring: KeyRing, start: str) -> None:
    for _ in range(2):
        ring.create("north", BOTH)
    with pytest.raises(InvalidRequest, match="No key has"):
        ring.revoke(start)
    assert len(ring.keys()) == 2


def test_a_start_that_fits_several_is_refused(ring: KeyRing) -> None:
    for _ in range(17):
        ring.create("north", BOTH)
    keys = ring.keys()
    [(shared, count)] = Counter(key.digest[0] for key in keys).most_common(1)
    assert count > 1
    with pytest.raises(InvalidRequest, match="Several keys have"):
        ring.revoke(shared)
    assert len(ring.keys()) == 17


def test_keys_are_listed_oldest_first(ring: KeyRing) -> None:
    for name in ("b", "a", "c"):
        ring.create(name, BOTH)
    keys = ring.keys()
    assert [key.caller for key in keys] == ["b", "a", "c"]


def test_files_that_are_no_keys_do_not_count(ring: KeyRing, storage: Path) -> None:
    (storage / "keys").mkdir(parents=True)
    (storage / "keys/.DS_Store").write_bytes(b"\0")
    assert ring.is_empty()
    assert ring.keys() == []


def test_a_damaged_key_locks_and_is_named(ring: KeyRing, storage: Path) -> None:
    text = ring.create("north", BOTH)
    [file] = (storage / "keys").iterdir()
    file.write_bytes(b"{")
    assert not ring.is_empty()
    with pytest.raises(JobFolderTrouble, match=f"keys/{file.name} is damaged; delete it"):
        ring.find(text)
    with pytest.raises(JobFolderTrouble):
        ring.keys()


def test_callers_of_2019_are_names(ring: KeyRing) -> None:
    assert ring.legacy_callers() == []
    ring.allow_legacy("south")
    ring.allow_legacy("south")
    assert ring.legacy_callers() == ["south"]
    assert ring.is_empty()
    ring.forbid_legacy("south")
    ring.forbid_legacy("south")
    assert ring.legacy_callers() == []


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", ".a", "a/b", "../a", "é", "a" * 65, "a\n"])
def test_a_caller_has_a_plain_name(ring: KeyRing, name: str) -> None:
    for take in (checked_caller, ring.allow_legacy, lambda name: ring.create(name, BOTH)):
        with pytest.raises(InvalidRequest, match="1 to 64 letters"):
            take(name)


def test_scopes_are_three() -> None:
    assert checked_scopes(["read", "submit", "read"]) == (Scope.READ, Scope.SUBMIT)
    with pytest.raises(InvalidRequest, match="submit, read, admin"):
        checked_scopes(["write"])


@pytest.mark.parametrize(
    ("scopes", "may"),
    [
        ({Scope.READ}, {Scope.READ}),
        ({Scope.SUBMIT}, {Scope.SUBMIT}),
        ({Scope.ADMIN}, {Scope.READ, Scope.SUBMIT, Scope.ADMIN}),
    ],
)
def test_what_a_caller_may(scopes: set[Scope], may: set[Scope]) -> None:
    caller = Caller("north", frozenset(scopes))
    assert {scope for scope in Scope if caller.may(scope)} == may
    assert caller.sees("north")
    assert caller.sees("south") is (Scope.ADMIN in scopes)


def test_addresses_that_only_this_machine_reaches() -> None:
    assert all(only_here(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"))
    assert not any(only_here(host) for host in ("0.0.0.0", "::", "192.168.0.4", "head"))
