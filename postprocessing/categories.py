"""Categories by the names that people know."""

from collections.abc import Iterable

from core.errors import InvalidRequest
from core.results.reader import Results


def ids_of(results: Results, names: Iterable[str]) -> frozenset[str]:
    """The ids of these names; several where several ids have one name.

    Raises InvalidRequest, naming the categories that there are.
    """
    wanted, known = set(names), results.detection_categories
    unknown = sorted(wanted.difference(known.values()))
    if unknown:
        raise InvalidRequest(
            f"{results.path.name} has no category {', '.join(unknown)}; it has "
            f"{', '.join(known.values())}."
        )
    return frozenset(number for number, name in known.items() if name in wanted)
