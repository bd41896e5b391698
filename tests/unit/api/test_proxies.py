"""What a proxy says is believed where it is trusted, and nowhere else."""

from ipaddress import ip_network

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.factory import create_app
from api.limits import FAILED_KEYS
from api.proxies import address_in
from core.config import Settings
from core.key_ring import open_key_ring
from core.keys import Scope, new_key

PROXY, STRANGER = "10.1.2.3", "203.0.113.9"


@pytest.fixture
def key(settings: Settings) -> str:
    return open_key_ring(settings).create("anna", (Scope.READ, Scope.SUBMIT))


@pytest.fixture
def app(settings: Settings) -> Flask:
    networks = (ip_network("10.1.0.0/16"), ip_network("2001:db8::/32"))
    return create_app(msgspec.structs.replace(settings, trusted_proxies=networks))


def forwarded(client_address: str) -> dict[str, str]:
    return {
        "X-Forwarded-For": f"198.51.100.1, {client_address}",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "megabatch.example",
    }


def tries_a_key(client: FlaskClient, peer: str, address: str) -> int:
    headers = {"Authorization": f"Bearer {new_key()}"} | forwarded(address)
    answer = client.get("/v1/jobs", headers=headers, environ_overrides={"REMOTE_ADDR": peer})
    return answer.status_code


def test_bad_keys_of_one_client_lock_out_no_other(client: FlaskClient, key: str) -> None:
    for _ in range(FAILED_KEYS):
        assert tries_a_key(client, PROXY, "192.0.2.1") == 401
    assert tries_a_key(client, PROXY, "192.0.2.1:4711") == 429
    assert tries_a_key(client, PROXY, "192.0.2.2") == 401


@pytest.mark.parametrize("peer", [STRANGER, "127.0.0.1"])
def test_who_is_not_trusted_cannot_say_where_they_are(
    client: FlaskClient, key: str, peer: str
) -> None:
    statuses = [tries_a_key(client, peer, f"192.0.2.{n}") for n in range(FAILED_KEYS + 1)]
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    ("peer", "url"),
    [
        (PROXY, "https://megabatch.example/"),
        ("::ffff:10.1.2.3", "https://megabatch.example/"),
        ("2001:db8::7", "https://megabatch.example/"),
        (STRANGER, "http://localhost/"),
        ("127.0.0.1", "http://localhost/"),
        ("unknown", "http://localhost/"),
    ],
)
def test_links_and_cookies_are_as_a_trusted_proxy_was_asked(
    client: FlaskClient, key: str, pictures: str, peer: str, url: str
) -> None:
    headers, environ = forwarded("192.0.2.1"), {"REMOTE_ADDR": peer}
    submitted = client.post(
        "/v1/jobs",
        json={"container_url": pictures},
        headers=headers | {"Authorization": f"Bearer {key}"},
        environ_overrides=environ,
    )
    assert submitted.headers["Location"].startswith(f"{url}v1/jobs/")
    signed_in = client.post(
        "/sign-in", data={"key": key}, headers=headers, environ_overrides=environ
    )
    assert ("Secure" in signed_in.headers["Set-Cookie"]) == url.startswith("https")


@pytest.mark.parametrize("name", [*forwarded(""), "Forwarded", "Via"])
def test_nobody_behind_a_proxy_is_local(client: FlaskClient, name: str) -> None:
    assert client.get("/v1/jobs").status_code == 200
    for peer in (PROXY, "127.0.0.1"):
        answer = client.get(
            "/v1/jobs", headers={name: "127.0.0.1"}, environ_overrides={"REMOTE_ADDR": peer}
        )
        assert answer.status_code == 401, peer


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:db8::7:4711", "2001:db8::7:4711"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ("unknown", "None"),
        ("", "None"),
    ],
)
def test_addresses_come_with_and_without_a_port(text: str, address: str) -> None:
    assert str(address_in(text)) == address
