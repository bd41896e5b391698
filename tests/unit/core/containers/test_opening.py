import threading
from pathlib import Path

import pytest

from core.config import Settings
from core.containers.azure import AzureContainer
from core.containers.folder import LocalFolder
from core.containers.opening import check_container, is_folder, open_container, within
from core.containers.url_list import UrlList
from core.errors import ContainerError, StorageTrouble, UrlNotAllowed
from core.sealing import Sealer
from tests.unit.core.containers.scripted_server import Reply, serving

SAS = "sp=rl&se=2999-01-01&sr=c&sig=x"


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("/a", True),
        ("file:///a", True),
        ("FILE:/a", True),
        ("https://a.net/c", False),
        ("a", False),
    ],
)
def test_is_folder(url: str, folder: bool) -> None:
    assert is_folder(url) is folder


def test_the_form_of_the_url_tells_the_container(tmp_path: Path, sealer: Sealer) -> None:
    settings = Settings(allowed_roots=(tmp_path,))
    for url, kind in (
        (None, UrlList),
        (str(tmp_path), LocalFolder),
        (f"file://{tmp_path}", LocalFolder),
        ("https://acct.blob.core.windows.net/c?sig=x", AzureContainer),
    ):
        container = open_container(url, settings, sealer)
        assert isinstance(container, kind)
        container.close()


@pytest.mark.parametrize("url", ["/etc", "file:///etc", "s3://bucket", "c:\\images", "images", ""])
def test_what_may_not_be_read_is_not_opened(url: str, tmp_path: Path, sealer: Sealer) -> None:
    settings = Settings(allowed_roots=(tmp_path,))
    with pytest.raises(UrlNotAllowed):
        open_container(url, settings, sealer)
    with pytest.raises(UrlNotAllowed) as caught:
        check_container(url, settings)
    assert caught.value.pointer == "/container_url"


def test_a_folder_that_can_be_listed_passes(tmp_path: Path) -> None:
    settings = Settings(allowed_roots=(tmp_path,))
    check_container(str(tmp_path), settings)
    with pytest.raises(ContainerError, match="no folder") as caught:
        check_container(f"{tmp_path}/none", settings)
    assert (caught.value.code, caught.value.pointer) == ("container_not_found", "/container_url")


def test_a_folder_that_is_not_there_is_trouble_once_its_job_is_accepted(
    tmp_path: Path, sealer: Sealer
) -> None:
    settings = Settings(allowed_roots=(tmp_path,))
    with pytest.raises(StorageTrouble, match="none"):
        open_container(f"{tmp_path}/none", settings, sealer)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://acct.blob.core.windows.net/c?sp=r&se=2999-01-01&sr=c&sig=x", "sas_no_list"),
        ("https://acct.blob.core.windows.net/c?sp=rl&se=2019-01-01&sr=c&sig=x", "sas_expired"),
        (f"https://acct.blob.core.windows.net/c/sub?{SAS}", "container_unusable"),
        (f"https://evil.com/c?{SAS}", "url_not_allowed"),
        (f"http://127.0.0.1:1/acct/c?{SAS}", "url_not_allowed"),
    ],
)
def test_what_a_url_tells_of_itself_is_checked(url: str, code: str) -> None:
    with pytest.raises((ContainerError, UrlNotAllowed)) as caught:
        check_container(url, Settings())
    assert (caught.value.code, caught.value.pointer) == (code, "/container_url")


def test_a_sas_that_the_storage_refuses(here: Settings) -> None:
    with serving(Reply(403)) as server, pytest.raises(ContainerError) as caught:
        check_container(f"{server.url}/acct/c?{SAS}", here)
    assert (caught.value.code, caught.value.pointer) == ("sas_refused", "/container_url")


@pytest.mark.parametrize("reply", [Reply(503), Reply(hang_up=True), Reply(silent=True)])
def test_a_storage_that_does_not_answer_is_trouble(reply: Reply, here: Settings) -> None:
    with serving(reply) as server, pytest.raises(StorageTrouble):
        check_container(f"{server.url}/acct/c?{SAS}", here)


def test_work_is_waited_for_so_long_at_most() -> None:
    never = threading.Event()
    with pytest.raises(StorageTrouble, match="too long"):
        within(0.01, lambda: never.wait(10))
    never.set()


def test_what_work_raises_is_raised() -> None:
    def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        within(10, work)
    within(10, lambda: None)
