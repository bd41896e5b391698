import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet

import pytest

from detection.pixel_budget import BudgetClosed, PixelBudget

SHORT = 0.05


def test_what_fits_is_reserved_at_once() -> None:
    budget = PixelBudget(100)
    budget.reserve(5, 60)
    budget.reserve(9, 40)
    assert budget.held == 100


def waits(future: Future[None]) -> bool:
    try:
        future.result(SHORT)
    except NotYet:
        return True
    return False


def test_what_does_not_fit_waits_for_bytes_to_come_back() -> None:
    budget = PixelBudget(100)
    budget.reserve(0, 60)
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(budget.reserve, 1, 50)
        assert waits(second)
        budget.give_back(60)
        second.result(10)
    assert budget.held == 50


def test_the_wanted_image_is_always_decoded_once_nothing_is_detected() -> None:
    budget = PixelBudget(100)
    budget.reserve(0, 90)
    budget.start_detecting(90)
    with ThreadPoolExecutor(2) as threads:
        wanted = threads.submit(budget.reserve, 1, 500)
        later = threads.submit(budget.reserve, 2, 500)
        budget.want(1)
        assert waits(wanted)
        budget.end_detecting(90)
        wanted.result(10)
        assert waits(later)
        budget.close()
        with pytest.raises(BudgetClosed):
            later.result(10)
    assert budget.held == 500


def test_closing_wakes_all_who_wait() -> None:
    budget = PixelBudget(10)
    budget.reserve(0, 10)
    ended: list[BaseException] = []

    def ask(index: int) -> None:
        try:
            budget.reserve(index, 10)
        except BudgetClosed as error:
            ended.append(error)

    threads = [threading.Thread(target=ask, args=(index,)) for index in (1, 2, 3)]
    for thread in threads:
        thread.start()
    budget.close()
    for thread in threads:
        thread.join(10)
    assert len(ended) == 3
