import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import Settings
from core.containers.azure import AzureContainer, container_root, sort_page
from core.containers.azure_lister import AzureLister, check_names_container
from core.containers.connections import default_tls
from core.containers.guard import Guard
from core.containers.patience import Patience
from core.errors import AccessRevoked, ContainerError, StorageTrouble, UrlNotAllowed
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from tests.unit.core.containers.conftest import TLS_HOST
from tests.unit.core.containers.scripted_server import Reply, ScriptedServer, serving

BLOB = """<Blob><Name>{name}</Name><Properties><Etag>0x8D</Etag>
<Content-Length>7</Content-Length><BlobType>BlockBlob</BlobType>{more}</Properties>
<Metadata>{metadata}</Metadata></Blob>"""


def listing(*blobs: str, following: str = "") -> Reply:
    """What Azure answers to List Blobs. Source: Microsoft Learn, "List Blobs"."""
    body = f"""<?xml version="1.0" encoding="utf-8"?><EnumerationResults
    ServiceEndpoint="https://acct.blob.core.windows.net/" ContainerName="c">
    <MaxResults>5000</MaxResults><Blobs>{"".join(blobs)}</Blobs>
    <NextMarker>{following}</NextMarker></EnumerationResults>"""
    return Reply(body=body.encode(), headers={"Content-Type": "application/xml"})


def blob(name: str, *, metadata: str = "", more: str = "") -> str:
    return BLOB.format(name=name, metadata=metadata, more=more)


LISTED = listing(blob("a.jpg"))


def lister(server: ScriptedServer, guard: Guard, patience: Patience) -> AzureLister:
    return AzureLister(f"{server.url}/acct/ccc?sp=rl&sig=CaNaRy", guard, patience=patience)


@pytest.mark.parametrize(
    "fault",
    [
        Reply(503, headers={"Retry-After": "0"}),
        Reply(500),
        Reply(429),
        Reply(hang_up=True),
        Reply(silent=True),
        Reply(body=LISTED.body, sent=99),
    ],
    ids=["503", "500", "429", "hang-up", "silence", "truncated"],
)
def test_a_passing_fault_is_tried_again(fault: Reply, guard: Guard, hasty: Patience) -> None:
    with serving(fault, fault, LISTED) as server:
        blobs, following = lister(server, guard, hasty).list_page("", None)
        assert ([blob.name for blob in blobs], following) == (["a.jpg"], None)
        assert len(server.asked) == 3


@pytest.mark.parametrize(
    "fault",
    [
        Reply(body=b'<?xml version="1.0"?><EnumerationResults><Blobs>', unsized=True),
        Reply(body=b"<html>A gateway's page</html>"),
        Reply(body=b"no XML"),
        Reply(),
        Reply(unsized=True),
    ],
    ids=["cut off", "of a gateway", "rubbish", "empty", "broken in the head"],
)
def test_a_listing_that_cannot_be_read_is_asked_for_again(
    fault: Reply, guard: Guard, hasty: Patience
) -> None:
    with serving(fault, LISTED) as server:
        blobs, following = lister(server, guard, hasty).list_page("", None)
    assert [blob.name for blob in blobs] == ["a.jpg"] and following is None
    with serving(fault) as server, pytest.raises(StorageTrouble):
        lister(server, guard, hasty).list_page("", None)


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Reply(503), StorageTrouble, "storage_unavailable"),
        (Reply(hang_up=True), StorageTrouble, "storage_unavailable"),
        (Reply(500), ContainerError, "listing_failed"),
    ],
)
def test_tries_are_bounded(
    fault: Reply, kind: type, code: str, guard: Guard, hasty: Patience
) -> None:
    with serving(fault) as server:
        with pytest.raises(kind) as caught:
            lister(server, guard, hasty).list_page("", None)
        assert getattr(caught.value, "code", None) == code
        assert len(server.asked) == hasty.tries


def test_a_refusal_is_not_tried_again(guard: Guard, hasty: Patience) -> None:
    with serving(Reply(403)) as server:
        with pytest.raises(AccessRevoked):
            lister(server, guard, hasty).list_page("", None)
        assert len(server.asked) == 1


def test_a_redirect_is_not_followed(guard: Guard, hasty: Patience) -> None:
    with serving(LISTED) as elsewhere:
        moved = Reply(302, headers={"Location": f"{elsewhere.url}/acct/ccc"})
        with serving(moved) as server, pytest.raises(ContainerError):
            lister(server, guard, hasty).list_page("", None)
        assert elsewhere.asked == []


def test_proxies_and_passwords_of_the_environment_are_left_aside(
    guard: Guard, hasty: Patience, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login us password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(Reply(403)) as proxy, serving(LISTED) as server:
        for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        lister(server, guard, hasty).list_page("", None)
        assert proxy.asked == []
        assert "Authorization" not in server.asked[0].headers


def test_each_try_checks_the_address(here: Settings, hasty: Patience) -> None:
    addresses = ["127.0.0.2", "169.254.169.254"]
    rebound = Guard(here, lambda host, port: [addresses.pop(0)])
    with pytest.raises(UrlNotAllowed):
        AzureLister(f"http://{TLS_HOST}:1/ccc", rebound, patience=hasty).list_page("", None)
    assert addresses == []


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The test's certificate is trusted by this process."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    default_tls.cache_clear()
    yield
    default_tls.cache_clear()


@pytest.mark.usefixtures("trusted")
def test_tls_is_to_the_name_though_the_connection_is_to_the_address(
    guard: Guard, hasty: Patience, server_tls: ssl.SSLContext
) -> None:
    names: list[str] = []
    server_tls.sni_callback = lambda socket, name, context: names.append(name)
    with serving(LISTED, tls=server_tls) as server:
        url = f"https://{TLS_HOST}:{server.port}/ccc?sp=rl&sig=x"
        assert len(AzureLister(url, guard, patience=hasty).list_page("", None)[0]) == 1
        assert names == [TLS_HOST]
        assert server.asked[0].headers["Host"] == f"{TLS_HOST}:{server.port}"
        other = url.replace("acct", "other")
        with pytest.raises(StorageTrouble):
            AzureLister(other, guard, patience=hasty).list_page("", None)
        assert len(server.asked) == 1


def test_a_certificate_of_nobody_is_refused(
    guard: Guard, hasty: Patience, server_tls: ssl.SSLContext
) -> None:
    with serving(LISTED, tls=server_tls) as server:
        url = f"https://{TLS_HOST}:{server.port}/ccc?sp=rl&sig=x"
        with pytest.raises(StorageTrouble):
            AzureLister(url, guard, patience=hasty).list_page("", None)
        assert server.asked == []


def test_logs_show_no_signature(
    guard: Guard, hasty: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(Reply(503), LISTED) as server:
        lister(server, guard, hasty).list_page("", None)
        assert "sig=CaNaRy" in server.asked[0].target
    assert "/acct/ccc" in caplog.text
    assert "CaNaRy" not in caplog.text


def test_directories_and_system_files_are_left_out(guard: Guard, hasty: Patience) -> None:
    reply = listing(
        blob("north.jpg", metadata="<hdi_isfolder>true</hdi_isfolder>"),
        blob("south.jpg", metadata="<Hdi_isfolder>true</Hdi_isfolder>"),
        blob("plain.jpg", metadata="<hdi_isfolder>false</hdi_isfolder>"),
        blob("cold.jpg", more="<AccessTier>Archive</AccessTier>"),
        blob("._a.jpg"),
        blob("a.MP4"),
        blob("notes"),
        following="2!next",
    )
    with serving(reply) as server:
        blobs, following = lister(server, guard, hasty).list_page("", None)
    page = sort_page(blobs, "here", last=False)
    assert following == "2!next"
    assert page.images == [
        ListedImage("plain.jpg", size=7, etag="0x8D"),
        ListedImage("cold.jpg", size=7, etag="0x8D"),
    ]
    assert (page.skipped, page.marker, page.last) == ({".mp4": 1, "": 1}, "here", False)


def test_prefix_and_marker_are_asked_for(guard: Guard, hasty: Patience) -> None:
    with serving(LISTED) as server:
        lister(server, guard, hasty).list_page("né/&", "2!m=")
        assert "prefix=n%C3%A9%2F%26" in server.asked[0].target
        assert "marker=2%21m%3D" in server.asked[0].target
        assert "include=metadata" in server.asked[0].target  # tells directories from files


@pytest.mark.parametrize(
    "url",
    [
        "https://acct.blob.core.windows.net/c",
        "https://acct.blob.core.windows.net/c/",
        "https://acct.blob.core.windows.net/$web?sig=x",
        "http://127.0.0.1:10000/acct/c",
        "https://images.example.org/c",
    ],
)
def test_urls_of_containers(url: str) -> None:
    check_names_container(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://acct.blob.core.windows.net", "without a container"),
        ("https://acct.blob.core.windows.net/?sig=x", "without a container"),
        ("https://acct.blob.core.windows.net/c/north", "`prefix`"),
        ("https://acct.blob.core.windows.net/c/a.jpg?sig=x", "`prefix`"),
        ("http://127.0.0.1:10000/acct/c/north", "`prefix`"),
    ],
)
def test_urls_of_something_else(url: str, words: str) -> None:
    with pytest.raises(ContainerError, match=words):
        check_names_container(url)


def test_the_root_of_a_container_ends_without_a_slash() -> None:
    assert container_root("https://a.net/c//?sig=x") == "https://a.net/c?sig=x"


def read_from(
    server: ScriptedServer, guard: Guard, patience: Patience, query: str = "?sp=rl&sig=x"
) -> bytes | ImageFailure:
    url = f"{server.url}/acct/ccc{query}"
    container = AzureContainer(url, guard, patience=patience)
    try:
        return container.read(ListedImage("a.jpg"))
    finally:
        container.close()


def fails_alone(patience: Patience, fault: Reply) -> list[Reply]:
    """What a storage answers that lists, but gives one image in none of three rounds."""
    again = [*[fault] * patience.once_more().tries, LISTED]
    return [*[fault] * patience.tries, LISTED, *again, *again]


@pytest.mark.parametrize(
    "fault", [Reply(500), Reply(body=b"x", headers={"Content-MD5": "wrong"})], ids=["500", "MD5"]
)
def test_an_image_that_fails_though_the_container_lists(
    fault: Reply, guard: Guard, hasty: Patience
) -> None:
    with serving(*fails_alone(hasty, fault)) as server:
        assert read_from(server, guard, hasty) == ImageFailure(FailureCode.UNREADABLE)


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_storage_that_comes_and_goes_fails_no_image(
    rounds: int, guard: Guard, hasty: Patience
) -> None:
    answers = fails_alone(hasty, Reply(503))
    end = [n for n, reply in enumerate(answers) if reply is LISTED][rounds - 1]
    with serving(*answers[: end + 1], Reply(body=b"picture")) as server:
        assert read_from(server, guard, hasty) == b"picture"


def test_a_storage_that_goes_away_again_while_an_image_fails(guard: Guard, hasty: Patience) -> None:
    first = [*[Reply(500)] * hasty.tries, LISTED]
    with serving(*first, Reply(503)) as server, pytest.raises(StorageTrouble):
        read_from(server, guard, hasty)


def test_a_storage_that_gives_nothing_is_no_fault_of_an_image(
    guard: Guard, hasty: Patience
) -> None:
    with serving(Reply(503)) as server, pytest.raises(StorageTrouble):
        read_from(server, guard, hasty)


def test_many_images_that_fail_in_a_row_are_trouble(guard: Guard, hasty: Patience) -> None:
    with serving(*fails_alone(hasty, Reply(500)) * 4) as server:
        container = AzureContainer(f"{server.url}/acct/ccc?sig=x", guard, patience=hasty)
        image = ListedImage("a.jpg")
        for _ in range(3):
            assert container.read(image) == ImageFailure(FailureCode.UNREADABLE)
        with pytest.raises(StorageTrouble):
            container.read(image)
        container.close()


def test_one_image_that_is_refused_though_the_container_lists(
    guard: Guard, hasty: Patience
) -> None:
    refused = Reply(403, headers={"x-ms-error-code": "BlobAccessDenied"})
    with serving(refused, LISTED) as server:
        assert read_from(server, guard, hasty) == ImageFailure(FailureCode.FORBIDDEN)


@pytest.mark.parametrize(
    "replies",
    [
        [Reply(403)],
        [Reply(403, headers={"x-ms-error-code": "AuthenticationFailed"}), LISTED],
        [Reply(403, headers={"x-ms-error-code": "AuthorizationPermissionMismatch"}), LISTED],
        [Reply(404, headers={"x-ms-error-code": "ContainerNotFound"}), LISTED],
        [Reply(403), Reply(404)],
    ],
)
def test_a_refusal_of_the_whole_container(
    replies: list[Reply], guard: Guard, hasty: Patience
) -> None:
    with serving(*replies) as server, pytest.raises(AccessRevoked):
        read_from(server, guard, hasty)


NOT_PUBLIC = [
    (404, "ResourceNotFound", FailureCode.NOT_FOUND),
    (409, "PublicAccessNotPermitted", FailureCode.UNREADABLE),
]


@pytest.mark.parametrize(("status", "code", "failure"), NOT_PUBLIC)
def test_a_container_that_is_no_longer_public_is_no_fault_of_its_images(
    status: int, code: str, failure: FailureCode, guard: Guard, hasty: Patience
) -> None:
    closed = Reply(status, headers={"x-ms-error-code": code})
    with serving(closed) as server, pytest.raises(AccessRevoked, match="needs a SAS"):
        read_from(server, guard, hasty, query="")
    with serving(closed, LISTED) as server:
        assert read_from(server, guard, hasty, query="") == ImageFailure(failure)


@pytest.mark.parametrize("fault", [Reply(500), Reply(503), Reply(400), Reply(hang_up=True)])
def test_a_refusal_while_the_container_is_in_trouble_is_trouble(
    fault: Reply, guard: Guard, hasty: Patience
) -> None:
    refused = Reply(403, headers={"x-ms-error-code": "BlobAccessDenied"})
    with serving(refused, fault) as server, pytest.raises(StorageTrouble):
        read_from(server, guard, hasty)


@pytest.mark.parametrize("addresses", [["169.254.169.254"], []])
def test_a_container_that_may_no_longer_be_read_is_trouble(
    addresses: list[str], here: Settings, hasty: Patience
) -> None:
    rebound = Guard(here, lambda host, port: addresses)
    container = AzureContainer(f"https://{TLS_HOST}/ccc", rebound, patience=hasty)
    with pytest.raises(StorageTrouble):
        container.read(ListedImage("a.jpg"))
    container.close()


def test_a_large_blob_is_not_asked_for(guard: Guard) -> None:
    with serving(LISTED) as server:
        container = AzureContainer(f"{server.url}/acct/ccc?sig=x", guard)
        failure = container.read(ListedImage("a.jpg", size=100_000_001))
        assert failure == ImageFailure(FailureCode.FILE_TOO_LARGE)
        assert container.read(ListedImage("\ud800.jpg")) == ImageFailure(FailureCode.NOT_FOUND)
        assert server.asked == []
        container.close()
