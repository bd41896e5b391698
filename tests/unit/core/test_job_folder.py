"""The job folder on a real local storage."""

import multiprocessing
import resource
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from core.config import Settings
from core.errors import ConfigError, JobFolderTrouble
from core.image_list import ListedImage, ListingPosition, encode_image_list
from core.job_folder import JobFolder, Plan, open_job_folder
from core.jobs import RequestedImage, utc_now
from core.sealing import Sealer, new_secret_key
from core.storage import Storage
from tests.azurite_server import ACCOUNT, KEY, Azurite
from tests.factories import accepted_job, final_record
from tests.fixtures.redis_server import free_port

J = "a" * 32
EARLIER, LATER = (utc_now() + timedelta(hours=hours) for hours in (-1, 1))
SECRET = "sv=2025&sig=CANARY"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage_url=f"file://{tmp_path}/storage", secret_keys=(new_secret_key(),))


@pytest.fixture
def folder(settings: Settings) -> JobFolder:
    return open_job_folder(settings)


def test_accepted_job_comes_back_whole_and_lies_sealed(folder: JobFolder, tmp_path: Path) -> None:
    job = accepted_job(
        J,
        container_url=f"https://x.blob.core.windows.net/c?{SECRET}",
        images_url=f"https://x.blob.core.windows.net/lists/l.json?{SECRET}",
    )
    folder.accept(job)
    assert folder.read_job(J) == job
    assert folder.live_ids() == [J]
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"CANARY" not in path.read_bytes()


def test_of_two_equal_submissions_only_one_accepts(folder: JobFolder) -> None:
    """Two calls with one key within a millisecond write the very same bytes."""
    first = accepted_job(J)
    second = msgspec.structs.replace(first)
    assert folder.accept(first) is first
    standing = folder.accept(second)
    assert standing is not second and standing == first


def test_inline_urls_are_sealed_and_names_are_left_as_they_are(
    folder: JobFolder, tmp_path: Path
) -> None:
    images = (
        RequestedImage(f"https://x.blob.core.windows.net/c/a.jpg?{SECRET}", "meta"),
        RequestedImage("what?sig=no#secret.jpg"),
    )
    folder.accept(accepted_job(J, images=images))
    assert folder.read_job(J).request.images == images
    assert b"CANARY" not in (tmp_path / f"storage/jobs/{J}/job.json").read_bytes()


def test_job_cannot_be_opened_without_its_key(folder: JobFolder, settings: Settings) -> None:
    folder.accept(accepted_job(J, container_url=f"https://x.blob.core.windows.net/c?{SECRET}"))
    other = Settings(storage_url=settings.storage_url, secret_keys=(new_secret_key(),))
    with pytest.raises(ConfigError, match="MEGABATCH_SECRET_KEYS"):
        open_job_folder(other).read_job(J)


def test_first_writer_wins_and_the_loser_adopts(folder: JobFolder) -> None:
    assert folder.write_shard_output(J, 3, b"first\n") == b"first\n"
    assert folder.write_shard_output(J, 3, b"second\n") == b"first\n"
    assert folder.write_image_list(J, 0, b"first\n") == b"first\n"
    assert folder.write_image_list(J, 0, b"second\n") == b"first\n"
    first, second = Plan(images=1, shards=1), Plan(images=2, shards=2)
    assert folder.write_plan(J, first) == folder.write_plan(J, second) == first
    ended = final_record(J)
    assert folder.write_final(ended) == ended
    assert folder.write_final(final_record(J, reason="later")) == ended


def test_what_is_missing_is_file_not_found(folder: JobFolder) -> None:
    for read in (folder.read_job, folder.read_plan, folder.read_final):
        with pytest.raises(FileNotFoundError):
            read(J)
    with pytest.raises(FileNotFoundError):
        folder.read_shard_output(J, 0)
    with pytest.raises(FileNotFoundError):
        folder.results_size(folder.results_path(J, "token"))


def test_deleting_what_is_not_there_is_done_already(folder: JobFolder) -> None:
    folder.delete_shard_output(J, 0)
    folder.retire(J)
    folder.discard_results(J, but=frozenset())


def test_indices_come_in_order(folder: JobFolder) -> None:
    for index in (10, 2, 1_000_000, 0):
        folder.write_shard_output(J, index, b"")
    assert folder.shard_outputs(J) == [0, 2, 10, 1_000_000]


def test_image_lists_tell_their_header(folder: JobFolder) -> None:
    position = ListingPosition(page="p", images=2, skipped={".txt": 1})
    data = encode_image_list([ListedImage("a.jpg"), ListedImage("b.jpg")], position)
    folder.write_image_list(J, 0, data)
    assert folder.count_image_lists(J) == 1
    header = folder.read_header(J, 0)
    assert (header.count, header.position) == (2, position)


def test_results_appear_when_they_are_whole(folder: JobFolder) -> None:
    path = folder.results_path(J, "token")
    with pytest.raises(RuntimeError), folder.results_writer(path) as writer:
        writer.write(b"half")
        raise RuntimeError
    with pytest.raises(FileNotFoundError):
        folder.results_size(path)
    with folder.results_writer(path) as writer:
        writer.write(b"who")
        writer.write(b"le")
    assert folder.results_size(path) == 5
    assert b"".join(folder.results_pieces(path, 0, 5)) == b"whole"
    assert b"".join(folder.results_pieces(path, 1, 3)) == b"ho"


def test_only_the_results_that_count_are_kept(folder: JobFolder) -> None:
    paths = [folder.results_path(J, token) for token in ("one", "two")]
    for path in paths:
        with folder.results_writer(path) as writer:
            writer.write(b"x")
    folder.discard_results(J, but=frozenset({paths[1]}))
    with pytest.raises(FileNotFoundError):
        folder.results_size(paths[0])
    assert folder.results_size(paths[1]) == 1


def test_foreign_names_are_no_live_jobs(folder: JobFolder, tmp_path: Path) -> None:
    folder.accept(accepted_job(J))
    (tmp_path / "storage/live/notes.txt").touch()
    assert folder.live_ids() == [J]


def test_wish_to_cancel_is_kept(folder: JobFolder) -> None:
    assert not folder.is_cancelled(J)
    folder.mark_cancelled(J)
    folder.mark_cancelled(J)
    assert folder.is_cancelled(J)


def test_storage_that_is_away_is_trouble_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "Q0FOQVJZ")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"http://127.0.0.1:{free_port()}/account")
    settings = Settings(storage_url="az://jobs", secret_keys=(new_secret_key(),))
    folder = open_job_folder(settings, impatient=True)
    with pytest.raises(JobFolderTrouble) as caught:
        folder.probe()
    assert "Q0FOQVJZ" not in str(caught.value)


def test_storage_url_that_means_nothing_names_its_setting() -> None:
    settings = Settings(storage_url="nonsense://x", secret_keys=(new_secret_key(),))
    with pytest.raises(ConfigError, match="MEGABATCH_STORAGE_URL"):
        open_job_folder(settings)


def test_sealer_without_keys_says_how_to_make_one() -> None:
    with pytest.raises(ConfigError, match="secret-key"):
        Sealer(())


def _write_on_a_full_disk(url: str, key: str, answers: "multiprocessing.Queue[str]") -> None:
    """Writes in a process that may write no file above 1000 bytes, as on a disk that is full."""
    folder = open_job_folder(Settings(storage_url=url, secret_keys=(key,)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        folder.write_shard_output(J, 0, b"x" * 5000)
    except JobFolderTrouble as error:
        answers.put(str(error))
    try:
        with folder.results_writer(folder.results_path(J, "token")) as writer:
            writer.write(b"x" * 20_000_000)
    except JobFolderTrouble as error:
        answers.put(str(error))
    answers.put("end")


def test_full_disk_is_trouble_and_leaves_nothing_half_written(settings: Settings) -> None:
    spawn = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[str] = spawn.Queue()
    arguments = (settings.storage_url, settings.secret_keys[0], answers)
    process = spawn.Process(target=_write_on_a_full_disk, args=arguments)
    process.start()
    told = [answers.get(timeout=30) for _ in range(3)]
    process.join()
    assert all("failed to write" in text for text in told[:2]) and told[2] == "end"
    folder = open_job_folder(settings)
    assert folder.shard_outputs(J) == []
    assert folder.write_shard_output(J, 0, b"whole\n") == b"whole\n"
    with pytest.raises(FileNotFoundError):
        folder.results_size(folder.results_path(J, "token"))


def test_long_results_come_in_pieces_and_whole(folder: JobFolder) -> None:
    path = folder.results_path(J, "token")
    content = bytes(range(256)) * 40_000
    with folder.results_writer(path) as writer:
        writer.write(content)
    pieces = list(folder.results_pieces(path, 0, folder.results_size(path)))
    assert len(pieces) > 1 and b"".join(pieces) == content


def test_image_lists_go_before_what_was_noted_beside_them(
    settings: Settings, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Azure tells names in their order, in which the notes come first.
    container = f"own-{uuid4().hex[:8]}"
    azurite.create_container(container)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azurite.account_url)
    monkeypatch.setattr("core.storage._PAGE", 2)
    folder = open_job_folder(msgspec.structs.replace(settings, storage_url=f"az://{container}"))
    for index in range(3):
        folder.write_image_list(J, index, b"x")
        folder.changed.note(J, index, ["a.jpg"])
    for _ in folder.sweep_job(J):
        if folder.count_image_lists(J):
            assert len(folder.changed.notes(J)) == 3
    assert folder.changed.notes(J) == {}


def test_submission_that_goes_on_after_it_was_given_up_is_live(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Storage.create

    def asleep(storage: Storage, path: str, data: bytes) -> bytes:
        if path.endswith("job.json"):
            assert folder.live_ids() == [J] and folder.abandon(J, LATER)
        return create(storage, path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "create", asleep)
        folder.accept(accepted_job(J))
    assert folder.live_ids() == [J] and folder.is_live(J)


def test_submission_that_goes_on_while_it_is_given_up_is_live(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder._storage.create(f"live/{J}", b"")
    delete = Storage.delete

    def late(storage: Storage, path: str) -> None:
        folder.accept(accepted_job(J))
        delete(storage, path)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "delete", late)
        assert not folder.abandon(J, LATER)
    assert folder.live_ids() == [J]


def test_only_old_submissions_without_a_job_are_given_up(folder: JobFolder) -> None:
    folder._storage.create(f"live/{J}", b"")
    assert not folder.abandon(J, EARLIER) and folder.live_ids() == [J]
    assert folder.abandon(J, LATER) and folder.live_ids() == []
    assert not folder.abandon(J, LATER)
    folder.accept(accepted_job(J))
    assert not folder.abandon(J, LATER) and folder.live_ids() == [J]


def test_job_is_accepted_where_a_storage_fails_after_that(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> bool:
        raise JobFolderTrouble

    monkeypatch.setattr(Storage, "exists", gone)
    job = accepted_job(J)
    assert folder.accept(job) is job
