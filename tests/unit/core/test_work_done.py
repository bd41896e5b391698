"""Notes of what workers did, on a real storage."""

from core.config import Settings
from core.jobs import Work
from core.storage import Storage, open_storage
from core.work_done import WorkDone

J, OTHER = "a" * 32, "b" * 32


def noted(storage: Storage) -> list[str]:
    return storage.names("jobs/")


def test_notes_of_all_attempts_count(settings: Settings) -> None:
    work = WorkDone(open_storage(settings))
    assert work.total(J) == Work()
    for index, one in ((3, Work(1.25, 100)), (3, Work(2.5, 100)), (0, Work(0.25, 7))):
        work.note(J, index, one)
    work.note(OTHER, 0, Work(60, 10**9))
    assert work.total(J) == Work(4.0, 207)


def test_a_note_that_is_said_again_counts_once(settings: Settings) -> None:
    storage = open_storage(settings)
    work = WorkDone(storage)
    for _ in range(2):
        work.note(J, 12, Work(59.9996, 3_000_000_000))
    assert noted(storage) == [f"{J}/work/0000012-60000-3000000000"]
    assert work.total(J) == Work(60.0, 3_000_000_000)


def test_files_that_are_not_ours_are_passed_over(settings: Settings) -> None:
    storage = open_storage(settings)
    work = WorkDone(storage)
    work.note(J, 10_000_000, Work(1.0, 5))
    for name in (".DS_Store", "notes-1-2.txt", "0000001-5", "0000001-x-5", "0000001-1-5.part"):
        storage.create(f"jobs/{J}/work/{name}", b"")
    assert work.total(J) == Work(1.0, 5)
