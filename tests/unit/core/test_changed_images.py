"""Notes of images that a retry read in another version than the listed one."""

from core.changed_images import ChangedImages
from core.config import Settings
from core.storage import open_storage

J, OTHER = "a" * 32, "b" * 32


def test_notes_of_all_workers_count(settings: Settings) -> None:
    changed = ChangedImages(open_storage(settings))
    assert changed.notes(J) == {}
    for index, names in ((3, ["a.jpg"]), (3, ["b.jpg"]), (3, ["a.jpg"]), (0, ["c.jpg"])):
        changed.note(J, index, names)
    changed.note(OTHER, 0, ["d.jpg"])
    read = {index: sorted(map(changed.read, notes)) for index, notes in changed.notes(J).items()}
    assert read == {0: [["c.jpg"]], 3: [["a.jpg"], ["b.jpg"]]}
