"""How fast a job goes: from samples that the scripts take, on a real server."""

import pytest
import redis

from core.job_reader import PREFIX
from core.job_store import JobStore, Tally
from core.jobs import Job
from core.lease import Lease
from core.pace import Sample, rate_between
from tests.factories import accepted_job
from tests.outbox import Outbox

J = "a" * 32
PACE = f"{PREFIX}job:{J}:pace"
NOW = 1_800_000_000_000


@pytest.fixture
def store(store: JobStore) -> JobStore:
    """A job J of ten shards of a hundred images, all listed."""
    store.create(accepted_job(J))
    for index in range(10):
        store.planned(J, index, 100)
    store.listed(J, shards=10, images=1000, duplicates=0, skipped={})
    return store


def pass_time(client: redis.Redis, seconds: float) -> None:
    """Make every sample look so much older."""
    samples = [sample.split() for sample in client.lrange(PACE, 0, -1)]
    client.delete(PACE)
    for at, images in samples:
        client.rpush(PACE, b"%d %s" % (int(at) - 1000 * seconds, images))


def shown(store: JobStore) -> Job:
    job = store.get(J)
    assert job
    return job


def lease(store: JobStore, index: int) -> Lease:
    claimed = store.claim(J, index, "w")
    assert claimed
    return claimed


@pytest.mark.parametrize(
    ("oldest", "newest", "rate"),
    [
        (None, None, None),
        (Sample(NOW, 5), Sample(NOW, 5), None),
        (Sample(NOW - 20_000, 0), Sample(NOW, 250), 12.5),
        (Sample(NOW - 14_000, 0), Sample(NOW, 250), None),
        (Sample(NOW - 18_000, 0), Sample(NOW, 2000), 111.0),
        (Sample(NOW - 100_000, 7), Sample(NOW - 30_000, 14), 0.1),
        (Sample(NOW - 100_000, 7), Sample(NOW - 31_000, 1000), 0.0),
        (Sample(NOW - 60_000, 7), Sample(NOW, 7), 0.0),
    ],
)
def test_the_rate_between_two_samples(
    oldest: Sample | None, newest: Sample | None, rate: float | None
) -> None:
    assert rate_between(oldest, newest, NOW) == rate


def test_nothing_is_known_before_work_was_seen_twice(store: JobStore) -> None:
    assert (shown(store).images_per_second, shown(store).seconds_left) == (None, None)
    claimed = lease(store, 0)
    store.renew(claimed, 0)
    assert shown(store).images_per_second is None
    store.renew(claimed, 10)
    assert (shown(store).images_per_second, shown(store).seconds_left) == (None, None)


def test_loading_a_detector_does_not_count(store: JobStore, client: redis.Redis) -> None:
    claimed = lease(store, 0)
    store.renew(claimed, 0)
    assert client.llen(PACE) == 0


def test_partial_and_finished_shards_make_the_rate(store: JobStore, client: redis.Redis) -> None:
    one, two = lease(store, 0), lease(store, 1)
    store.renew(one, 50)
    pass_time(client, 20)
    store.renew(two, 30)
    assert shown(store).images_per_second == 1.5
    pass_time(client, 20)
    store.done(J, 0, Tally(100), seconds=20)
    assert shown(store).images_per_second == 2.0  # 50, 80 and 130 images, 20 seconds apart
    assert shown(store).seconds_left == (1000 - 130) / 2


def test_samples_lie_apart_and_are_forgotten(store: JobStore, client: redis.Redis) -> None:
    claimed = lease(store, 0)
    for images in range(1, 40):
        store.renew(claimed, images)
    assert client.llen(PACE) == 1
    for images in range(40, 90):
        pass_time(client, 6)
        store.renew(claimed, images)
    assert client.llen(PACE) in (20, 21)  # two minutes
    assert shown(store).images_per_second == pytest.approx(1 / 6, rel=0.02)


def test_what_is_long_past_does_not_count(store: JobStore, client: redis.Redis) -> None:
    claimed = lease(store, 0)
    store.renew(claimed, 1)
    pass_time(client, 3600)
    store.renew(claimed, 2)
    assert shown(store).images_per_second is None
    pass_time(client, 20)
    store.renew(claimed, 52)
    assert shown(store).images_per_second == 2.5


def test_a_job_that_nobody_works_on_stands_still(store: JobStore, client: redis.Redis) -> None:
    claimed = lease(store, 0)
    store.renew(claimed, 1)
    pass_time(client, 20)
    store.renew(claimed, 50)
    pass_time(client, 31)
    assert (shown(store).images_per_second, shown(store).seconds_left) == (0.0, None)


def test_lost_work_begins_a_new_pace(store: JobStore, client: redis.Redis) -> None:
    one = lease(store, 0)
    store.renew(one, 90)
    pass_time(client, 20)
    store.release(one)
    two = lease(store, 1)
    store.renew(two, 5)
    assert shown(store).images_per_second is None
    pass_time(client, 20)
    store.renew(two, 25)
    assert shown(store).images_per_second == 1.0


def test_an_output_that_was_found_says_nothing_of_the_pace(
    store: JobStore, client: redis.Redis
) -> None:
    claimed = lease(store, 0)
    store.renew(claimed, 10)
    store.done(J, 5, Tally(100))
    store.done(J, 6, Tally(100, kept=100))
    pass_time(client, 20)
    store.renew(claimed, 30)
    assert shown(store).images_per_second == 1.0


def test_the_time_left_needs_the_whole_number_of_images(client: redis.Redis) -> None:
    store = JobStore(client, Outbox())
    store.create(accepted_job(J))
    store.planned(J, 0, 100)
    claimed = lease(store, 0)
    store.renew(claimed, 10)
    pass_time(client, 20)
    store.renew(claimed, 20)
    assert (shown(store).images_per_second, shown(store).seconds_left) == (0.5, None)


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_only_a_job_that_runs_has_a_pace(store: JobStore, client: redis.Redis, how: str) -> None:
    claimed = lease(store, 0)
    store.renew(claimed, 10)
    pass_time(client, 20)
    store.renew(claimed, 20)
    assert shown(store).images_per_second == 0.5
    store.pause(J, "sas_expired") if how == "pause" else store.cancel(J)
    assert (shown(store).images_per_second, shown(store).seconds_left) == (None, None)


def test_a_pause_does_not_count(store: JobStore, client: redis.Redis) -> None:
    claimed = lease(store, 0)
    store.renew(claimed, 10)
    pass_time(client, 20)
    store.pause(J, "sas_expired")
    assert store.renew_container(accepted_job(J))
    claimed = lease(store, 1)
    store.renew(claimed, 20)
    assert shown(store).images_per_second is None
