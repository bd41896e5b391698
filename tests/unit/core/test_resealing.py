"""Changing the secret keys of a storage that holds one of everything that is sealed."""

import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from core.config import Settings
from core.errors import ConfigError
from core.image_list import ListedImage, ListingPosition, decode_image_list, encode_image_list
from core.job_folder import JobFolder, open_job_folder
from core.jobs import RequestedImage, Webhook, utc_now
from core.resealing import Resealing, open_resealing
from core.retention import Sweep, Tombstone
from core.salt import open_salt
from core.sealing import Sealer, new_secret_key
from core.storage import Storage, open_storage
from core.webhook_secrets import open_webhook_secrets
from tests.factories import accepted_job

FOLDER_JOB, AZURE_JOB, LIST_JOB = "a" * 32, "b" * 32, "c" * 32
AZURE = "https://x.blob.core.windows.net/c?sv=2025&sig=one"
FRESH = "https://x.blob.core.windows.net/c?sv=2025&sig=two"
PICTURE = "https://x.blob.core.windows.net/c/a.jpg?sv=2025&sig=three"
OLD, NEW = new_secret_key(), new_secret_key()
_TOKEN = re.compile(rb"gAAAA[\w-]+=*")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage_url=f"file://{tmp_path}/storage", secret_keys=(OLD,))


def with_keys(settings: Settings, *keys: str) -> Settings:
    return msgspec.structs.replace(settings, secret_keys=keys)


@pytest.fixture
def full(settings: Settings) -> Settings:
    """The settings, once their storage holds everything that the old key can have sealed."""
    open_salt(settings).derive("a")
    secrets = open_webhook_secrets(settings)
    secrets.renew("alice"), secrets.renew("alice"), secrets.renew("bob")
    folder = open_job_folder(settings)
    folder.accept(accepted_job(FOLDER_JOB, container_url="/pictures"))
    hook = Webhook("https://example.org/secret-path")
    folder.accept(accepted_job(AZURE_JOB, container_url=AZURE, webhook=hook))
    folder.add_container_url(AZURE_JOB, FRESH)
    images = (RequestedImage(PICTURE, "one"), RequestedImage("https://example.org/b.jpg"))
    folder.accept(accepted_job(LIST_JOB, images=images))
    folder.write_image_list(LIST_JOB, 0, image_list(settings))
    return settings


def image_list(settings: Settings) -> bytes:
    sealed = Sealer(settings.secret_keys).seal(PICTURE)
    images = [
        ListedImage("https://x.blob.core.windows.net/c/a.jpg", meta="one", sealed_url=sealed),
        ListedImage("https://example.org/b.jpg"),
    ]
    return encode_image_list(images, ListingPosition(None, 2, {".avi": 3}))


def outcomes(settings: Settings) -> "Counter[str]":
    return Counter(outcome for _, outcome in open_resealing(settings).run())


def tokens(settings: Settings) -> list[str]:
    """All that is sealed, wherever it lies."""
    root = Path(settings.storage_url.removeprefix("file://"))
    texts = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
    return [token.decode() for text in texts for token in _TOKEN.findall(text)]


def test_afterwards_the_old_key_is_needed_for_nothing(full: Settings) -> None:
    salt = open_salt(full).derive("a")
    secrets = open_webhook_secrets(full)
    signing = secrets.signing("alice", utc_now())
    folder = open_job_folder(full)
    jobs = [folder.read_job(job_id) for job_id in (FOLDER_JOB, AZURE_JOB, LIST_JOB)]
    header = folder.read_header(LIST_JOB, 0)

    assert outcomes(with_keys(full, NEW, OLD)) == {"anew": 8, "as it was": 1}
    assert outcomes(with_keys(full, NEW, OLD)) == {"as it was": 9}

    only_new = with_keys(full, NEW)
    assert open_salt(only_new).derive("a") == salt
    assert open_webhook_secrets(only_new).signing("alice", utc_now()) == signing
    folder = open_job_folder(only_new)
    assert [folder.read_job(job.id) for job in jobs] == jobs
    assert jobs[1].request.container_url == FRESH
    assert folder.read_header(LIST_JOB, 0).position == header.position
    first, second = decode_image_list(folder.read_image_list(LIST_JOB, 0))
    assert first.sealed_url and Sealer((NEW,)).open(first.sealed_url) == PICTURE
    assert (first.meta, second.sealed_url) == ("one", None)
    found = tokens(full)
    assert len(found) == 8
    for token in found:
        with pytest.raises(ConfigError):
            Sealer((OLD,)).open(token)


def test_what_no_key_opens_is_told_and_left_and_the_rest_is_done(full: Settings) -> None:
    stranger = new_secret_key()
    found = dict(open_resealing(with_keys(full, stranger)).run())
    assert Counter(found.values()) == {"by none": 8, "as it was": 1}
    assert found[f"jobs/{FOLDER_JOB}/job.json"] == "as it was"
    assert open_job_folder(full).read_job(AZURE_JOB).request.container_url == FRESH
    with_old = Sealer((stranger,)).seal("other")
    open_storage(full).replace("webhook-secrets/bob/0000001", with_old.encode())
    found = dict(open_resealing(with_keys(full, NEW, OLD)).run())
    assert Counter(found.values()) == {"anew": 7, "as it was": 1, "by none": 1}
    assert found["webhook-secrets/bob/0000001"] == "by none"


class DeletingStorage(Storage):
    """A real storage in which a job is deleted while one of its files is sealed anew."""

    def __init__(self, settings: Settings, job_id: str) -> None:
        super().__init__(open_storage(settings)._store)
        self._folder, self._job_id = JobFolder(self, Sealer((OLD,))), job_id

    def replace(self, path: str, data: bytes) -> None:
        if self._job_id in path:
            sweep = Sweep(self._job_id, Tombstone("alice", utc_now()), ())
            self._folder.retention.bury(sweep)
            for _ in self._folder.sweep_job(self._job_id):
                pass
        super().replace(path, data)


@pytest.mark.parametrize("job_id", [AZURE_JOB, LIST_JOB])
def test_a_job_that_is_deleted_meanwhile_stays_deleted(full: Settings, job_id: str) -> None:
    storage = DeletingStorage(full, job_id)
    outcome = dict(Resealing(storage, Sealer((NEW, OLD))).run())
    assert "anew" in {outcome[path] for path in outcome if job_id in path}
    assert storage.names(f"jobs/{job_id}/") == []


def test_lists_of_a_deleted_job_are_kept_readable_for_a_retry_of_it(full: Settings) -> None:
    folder = open_job_folder(full)
    tombstone = Tombstone("alice", utc_now())
    folder.retention.sweep_again(LIST_JOB, tombstone)
    folder.retention.bury(Sweep(LIST_JOB, tombstone, ()))
    # As a run leaves it that was killed in the wrong moment.
    assert outcomes(with_keys(full, NEW, OLD)) == {"anew": 7, "as it was": 1}
    (first, _) = decode_image_list(folder.read_image_list(LIST_JOB, 0))
    assert first.sealed_url and Sealer((NEW,)).open(first.sealed_url) == PICTURE
    with pytest.raises(FileNotFoundError):
        folder.read_shown(LIST_JOB)


@pytest.mark.parametrize(
    "path", ["salt", f"jobs/{AZURE_JOB}/job.json", f"jobs/{LIST_JOB}/images/0000000.ndjson"]
)
def test_a_damaged_file_keeps_no_other_from_being_sealed(full: Settings, path: str) -> None:
    open_storage(full).replace(path, b"\xff damaged")
    found = dict(open_resealing(with_keys(full, NEW, OLD)).run())
    assert found[path] == "damaged"
    assert Counter(found.values()) == {"anew": 7, "as it was": 1, "damaged": 1}


def test_image_lists_of_a_container_are_not_read(full: Settings) -> None:
    open_job_folder(full).write_image_list(AZURE_JOB, 0, b"no list at all")
    assert outcomes(with_keys(full, NEW, OLD)) == {"anew": 8, "as it was": 1}


def test_an_empty_storage_has_nothing_to_seal(settings: Settings) -> None:
    assert outcomes(settings) == {}
