from collections import Counter

from postprocessing.preview.sampling import Sample

NAMES = [f"camera-{number % 7}/{number:05d}.jpg" for number in range(1000)]


def chosen(names: list[str], size: int = 20, seed: int = 0) -> set[str]:
    sample = Sample(size, seed)
    for index, name in enumerate(names):
        sample.offer(index, name)
    assert sample.indices() == sorted(sample.indices())
    return {names[index] for index in sample.indices()}


def test_the_same_names_and_seed_give_the_same_sample_in_any_order() -> None:
    assert len(chosen(NAMES)) == 20
    assert chosen(NAMES) == chosen(NAMES[::-1])


def test_another_seed_gives_another_sample() -> None:
    assert chosen(NAMES) != chosen(NAMES, seed=1)
    assert chosen(NAMES, seed=-1) != chosen(NAMES, seed=10**100)


def test_a_small_group_is_taken_whole() -> None:
    assert chosen(NAMES[:5]) == set(NAMES[:5])
    assert Sample(5, 0).indices() == []


def test_names_that_stand_twice_are_two_images() -> None:
    sample = Sample(5, 0)
    for index in range(3):
        sample.offer(index, "same.jpg")
    assert sample.indices() == [0, 1, 2]


def test_every_image_has_the_same_chance() -> None:
    times = Counter(name for seed in range(200) for name in chosen(NAMES[:50], 10, seed))
    assert len(times) == 50
    # 40 are expected of each, with a standard deviation below 6; seeds are fixed.
    assert 15 < min(times.values()) <= max(times.values()) < 65
