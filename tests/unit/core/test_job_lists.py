"""Lists of jobs on a real server: their order, their filters, and how much is looked at."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import redis

from core.job_lists import JobsPage, Place, Wanted
from core.job_reader import PREFIX
from core.job_store import JobStore
from core.job_view import milliseconds
from core.jobs import JobStatus
from core.lua_scripts import load_scripts
from tests.factories import accepted_job, final_record

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def name_of(number: int) -> str:
    return f"{number:032x}"


def create(
    store: JobStore, number: int, *, minute: int = 0, caller: str = "local", name: str = ""
) -> str:
    job = accepted_job(name_of(number), name=name)
    created = NOW + timedelta(minutes=minute)
    store.create(msgspec.structs.replace(job, created_at=created, caller=caller))
    return job.id


def ids(page: JobsPage) -> list[str]:
    return [job.id for job in page.jobs]


def all_pages(store: JobStore, limit: int, wanted: Wanted) -> list[list[str]]:
    pages, after = [], None
    while True:
        page = store.list_jobs(limit, wanted=wanted, after=after)
        pages.append(ids(page))
        if page.end is None:
            return pages
        after = page.end


def flat(pages: Iterable[list[str]]) -> list[str]:
    return [job_id for page in pages for job_id in page]


def test_the_newest_come_first_page_by_page(store: JobStore) -> None:
    made = [create(store, n, minute=n) for n in range(5)]
    assert all_pages(store, 2, Wanted()) == [made[:2:-1], made[2:0:-1], made[:1]]
    assert all_pages(store, 5, Wanted()) == [made[::-1]]


def test_jobs_of_one_millisecond_are_split_well(store: JobStore) -> None:
    made = [create(store, n) for n in range(7)]
    assert flat(all_pages(store, 2, Wanted())) == made[::-1]


@pytest.mark.parametrize("same_moment", [True, False])
def test_a_page_goes_on_behind_a_job_that_is_gone(
    store: JobStore, client: redis.Redis, same_moment: bool
) -> None:
    made = [create(store, n, minute=0 if same_moment else n) for n in range(5)]
    page = store.list_jobs(2)
    assert page.end and page.end.job_id == made[3]
    client.zrem(f"{PREFIX}jobs", made[3])
    create(store, 9, minute=9)
    assert ids(store.list_jobs(9, after=page.end)) == made[2::-1]


def test_a_job_that_redis_forgot_is_passed_over(store: JobStore, client: redis.Redis) -> None:
    made = [create(store, n, minute=n) for n in range(3)]
    client.delete(f"{PREFIX}job:{made[1]}")
    assert flat(all_pages(store, 1, Wanted())) == [made[2], made[0]]


def test_filters_take_the_jobs_that_fit_all_of_them(store: JobStore) -> None:
    north = [create(store, n, minute=n, name="North ridge 4") for n in range(3)]
    south = [create(store, 10 + n, minute=n, name="south-2026") for n in range(3)]
    store.pause(north[1], "sas_expired")
    store.pause(south[1], "sas_expired")

    def found(**wanted: object) -> set[str]:
        return set(flat(all_pages(store, 2, Wanted(**wanted))))  # type: ignore[arg-type]

    assert found(name="RIDGE") == set(north)
    assert found(name="2026") == set(south)
    assert found(name="%d") == found(name="nowhere") == set()
    assert found(statuses=(JobStatus.PAUSED,)) == {north[1], south[1]}
    assert found(statuses=(JobStatus.PAUSED,), name="north") == {north[1]}
    assert found(statuses=(JobStatus.PAUSED, JobStatus.QUEUED)) == {*north, *south}
    assert found(created_after=NOW + timedelta(minutes=1)) == {*north[1:], *south[1:]}
    assert found(created_before=NOW + timedelta(minutes=1)) == {north[0], south[0]}
    whole = {"created_after": NOW, "created_before": NOW + timedelta(minutes=2)}
    assert found(**whole) == {*north[:2], *south[:2]}


def test_callers_have_lists_of_their_own(store: JobStore) -> None:
    mine = [create(store, n, minute=n, caller="me") for n in range(3)]
    create(store, 7, minute=1, caller="you")
    assert ids(store.list_jobs(9, caller="me")) == mine[::-1]
    assert ids(store.list_jobs(9, caller="me", after=Place(milliseconds(NOW), mine[0]))) == []
    assert ids(store.list_jobs(9, caller="nobody")) == []


def end(store: JobStore, job_id: str) -> None:
    store.cancel(job_id)
    assert store.finish(final_record(job_id, status=JobStatus.CANCELLED))


def test_ended_jobs_are_found_by_how_they_ended(store: JobStore) -> None:
    made = [create(store, n, minute=n) for n in range(3)]
    end(store, made[1])
    assert flat(all_pages(store, 9, Wanted(statuses=(JobStatus.CANCELLED,)))) == [made[1]]


def test_so_many_jobs_are_looked_at_a_page_and_no_more(
    store: JobStore, client: redis.Redis
) -> None:
    jobs = {name_of(n): float(n) for n in range(5000)}
    pipe = client.pipeline()
    pipe.zadd(f"{PREFIX}jobs", jobs)
    for job_id in jobs:
        pipe.hset(f"{PREFIX}job:{job_id}", mapping={"status": "completed", "name": "x"})
    pipe.execute()
    create(store, 4_999_999, minute=-(10**7), name="the only one")
    client.zadd(f"{PREFIX}jobs", {name_of(4_999_999): -1})
    wanted = Wanted(name="only")
    client.config_resetstat()
    first = store.list_jobs(10, wanted=wanted)
    looked = client.info("commandstats")["cmdstat_hmget"]["calls"]
    assert looked == 2000
    assert first.end == Place(3000, name_of(3000))
    assert all_pages(store, 10, wanted) == [[], [], [name_of(4_999_999)]]


def test_many_jobs_of_one_millisecond_come_to_an_end(store: JobStore, client: redis.Redis) -> None:
    client.zadd(f"{PREFIX}jobs", {name_of(n): 5.0 for n in range(5000)})
    assert all_pages(store, 10, Wanted(name="x")) == [[], [], []]


def test_what_is_live_is_found_without_looking_at_what_has_ended(
    store: JobStore, client: redis.Redis
) -> None:
    made = [create(store, n, minute=n) for n in range(50)]
    for job_id in made[1:]:
        end(store, job_id)
    client.config_resetstat()
    page = store.list_jobs(10, wanted=Wanted(statuses=(JobStatus.QUEUED,)))
    assert (ids(page), page.end) == ([made[0]], None)
    assert client.info("commandstats")["cmdstat_hmget"]["calls"] == 1


def test_the_script_only_reads() -> None:
    own = load_scripts()["list"].partition("-- A page of a list of jobs")[2]
    assert own and not [verb for verb in ("SET", "ADD", "DEL", "REM") if f"'{verb}" in own]
