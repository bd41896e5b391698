"""A round is dealt by its seed alone, so that it can be played again by itself."""

from tests.torture.acts import OF_WORKERS
from tests.torture.plans import Asked, kind_of, plan_of
from tests.torture.rounds import Source
from tests.torture.stage import Kind

ASKED = Asked(rounds=7, seed=100, kills=50, images=7000, pause=4, limit=60)


class Filled:
    """Containers that hold nothing but a line an image."""

    def of_kind(self, kind: Kind) -> list[Source]:
        return [Source(f"{kind} {number}", [b"x"] * 100) for number in range(5)]


def test_kills_and_images_are_shared_out() -> None:
    assert sum(ASKED.kills_of_round(number) for number in range(7)) == 50
    assert ASKED.images_of_round == 1000


def test_five_rounds_have_every_kind() -> None:
    assert {kind_of(seed) for seed in range(13, 18)} == {"folder", "cloud", "photographs"}


def test_a_round_can_be_played_again() -> None:
    for number in range(7):
        told = dict(pair.split("=") for pair in ASKED.round_again(number).split())
        again = Asked(
            1, int(told["SEED"]), int(told["KILLS"]), int(told["IMAGES"]), ASKED.pause, ASKED.limit
        )
        assert plan_of(again, 0, Filled()) == plan_of(ASKED, number, Filled())


def test_in_one_of_five_rounds_workers_alone_are_killed() -> None:
    plans = [plan_of(ASKED, number, Filled()) for number in range(5)]
    assert [plan.quiet for plan in plans].count(True) == 1
    for plan in plans:
        alone = {act.kind for act in plan.acts} <= set(OF_WORKERS)
        assert alone == plan.quiet
    assert sum(len(plan.acts) for plan in plans if plan.quiet) == 7


def test_some_rounds_cancel_jobs_and_the_large_one_is_finished() -> None:
    plans = [plan_of(ASKED, number, Filled()) for number in range(7)]
    cancelling = [plan for plan in plans if plan.cancelled]
    assert 0 < len(cancelling) < 7
    for plan in cancelling:
        assert set(plan.cancelled) == {1, 2} and len(plan.sources) == 6
