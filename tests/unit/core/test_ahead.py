import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.ahead import ahead


def test_results_come_in_the_order_of_the_items_whichever_is_first() -> None:
    second = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second.wait(20)
        if number == 1:
            second.set()
        return number * number

    with ThreadPoolExecutor(4) as threads:
        assert list(ahead(threads, work, range(50), 8)) == [n * n for n in range(50)]


@pytest.mark.parametrize("most", [1, 3])
def test_items_are_taken_as_they_are_needed(most: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    with ThreadPoolExecutor(2) as threads:
        for number in ahead(threads, int, items(), most):
            assert taken <= number + most


def test_what_the_work_raises_comes_in_its_turn() -> None:
    def work(number: int) -> float:
        return 6 / number

    with ThreadPoolExecutor(2) as threads:
        results = ahead(threads, work, (1, 2, 0, 3), 4)
        assert [next(results), next(results)] == [6, 3]
        with pytest.raises(ZeroDivisionError):
            next(results)
