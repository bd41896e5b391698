"""What the tables of images have in common: cells for folders and times."""

from functools import lru_cache

from postprocessing.cells import safe_cell


def folders(name: str, count: int) -> tuple[str, ...]:
    """The first folders of a name, as cells; empty where it has fewer."""
    path = name.replace("\\", "/") if "\\" in name else name
    return _folder_cells(path.rpartition("/")[0], count)


@lru_cache(10_000)
def _folder_cells(path: str, count: int) -> tuple[str, ...]:
    parts = path.split("/")[:count] if path else []
    return (*map(safe_cell, parts), *[""] * (count - len(parts)))


def time_cells(datetime: str | None) -> tuple[str, str, str]:
    """When an image was taken, as cells: all of it, date, time."""
    if datetime is None:
        return "", "", ""
    date, _, time = datetime.partition(" ")
    return safe_cell(datetime), safe_cell(date), safe_cell(time)
