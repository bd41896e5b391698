"""Tokens of links: what they say, and that nobody else can make one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.config import Settings
from core.jobs import utc_now
from core.links import Gives, Link, Links, new_link_id, open_links, standing_id
from core.sealing import new_secret_key

J = "0123456789abcdef" * 2


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage_url=f"file://{tmp_path}/storage", secret_keys=(new_secret_key(),))


@pytest.fixture
def links(settings: Settings) -> Links:
    return open_links(settings)


def link(**fields: object) -> Link:
    now = utc_now().replace(microsecond=0)
    values = {
        "id": new_link_id(),
        "gives": tuple(Gives),
        "created_at": now,
        "expires_at": now + timedelta(days=1),
    }
    return Link(**{**values, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("year", [2026, 2038, 2107, 9999])
def test_a_token_says_its_job_its_link_and_its_expiry(links: Links, year: int) -> None:
    made = link(expires_at=datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC))
    token = links.token(J, made)
    content = links.read_token(token)
    assert content
    assert (content.job_id, content.link_id) == (J, made.id)
    assert content.expires_at == made.expires_at


def test_another_process_reads_the_same_token(settings: Settings, links: Links) -> None:
    made = link()
    assert open_links(settings).token(J, made) == links.token(J, made)
    assert open_links(settings).read_token(links.token(J, made))


def test_every_letter_of_a_token_counts(links: Links) -> None:
    token = links.token(J, link())
    assert len(token) == 60
    for place, letter in enumerate(token):
        for other in "AB":
            if other != letter:
                assert links.read_token(token[:place] + other + token[place + 1 :]) is None


def test_tokens_of_another_salt_are_not_taken(tmp_path: Path, links: Links) -> None:
    keys = (new_secret_key(),)
    other = open_links(Settings(storage_url=f"file://{tmp_path}/other", secret_keys=keys))
    assert links.read_token(other.token(J, link())) is None


def test_the_first_link_of_an_id_stands(links: Links) -> None:
    first, second = link(id="0" * 16), link(id="0" * 16, gives=(Gives.PAGE,))
    assert links.add(J, first) == first
    assert links.add(J, second) == first
    assert links.find(J, "0" * 16) == first
    assert links.ids(J) == ["0" * 16]


def test_a_revoked_link_is_not_found(links: Links) -> None:
    made = links.add(J, link())
    links.revoke(J, made)
    links.revoke(J, made)
    assert links.ids(J) == []
    with pytest.raises(FileNotFoundError):
        links.find(J, made.id)


def test_a_standing_link_that_was_revoked_is_not_made_again(links: Links) -> None:
    made = links.add(J, link(id=standing_id(0), standing=True))
    links.revoke(J, made)
    assert links.add(J, made).revoked
    with pytest.raises(FileNotFoundError):
        links.find(J, made.id)
    other = link(id=standing_id(1), standing=True)
    assert links.add(J, other) == links.find(J, other.id) == other
    assert links.token(J, other) != links.token(J, made)


@pytest.mark.parametrize("link_id", ["", "..", "../final", "0" * 15, "0" * 17, "G" * 16])
def test_what_is_no_id_of_a_link_is_not_looked_for(links: Links, link_id: str) -> None:
    with pytest.raises(FileNotFoundError):
        links.find(J, link_id)


def test_a_file_is_known_by_its_name(links: Links) -> None:
    made = link(gives=(Gives.RESULTS, Gives.IMAGE_LIST, Gives.PAGE), names={Gives.RESULTS: "x"})
    assert made.named("x") is Gives.RESULTS
    assert made.named("image-list.json") is Gives.IMAGE_LIST
    named = [made.named(name) for name in ("results.json", "failed-images.json", "page.json", "")]
    assert named == [None] * 4


def test_nothing_of_a_token_is_kept(links: Links, tmp_path: Path) -> None:
    made = links.add(J, link())
    token = links.token(J, made)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert kept and not any(token[40:].encode() in content for content in kept)
