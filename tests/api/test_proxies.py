"""The addresses of clients, with proxies and with those who pretend to be one."""

import asyncio

import pytest
import structlog

from scheduler.api.proxies import client_of, networks_of
from tests.api.inside import definition, live_inside
from tests.api.test_inside import run

TRUSTED = networks_of(["10.0.0.0/8", "127.0.0.1", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "named", "client"),
    [
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # nobody is believed who is not trusted
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),  # the client has sent the first itself
        ("10.0.0.1", "6.6.6.6,198.51.100.7 , 10.9.9.9,127.0.0.1", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "6.6.6.6, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "6.6.6.6, \x1b[2J", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("fd00::1", "::ffff:10.0.0.2", "10.0.0.2"),
        ("not an address", "198.51.100.7", "not an address"),
    ],
)
def test_the_last_address_that_is_not_a_trusted_proxys_is_the_clients(peer: str, named: str, client: str) -> None:
    assert client_of(peer, named.split(","), TRUSTED) == client


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "*", "10.0.0.1-10.0.0.9"])
def test_what_is_no_network_is_not_trusted(text: str) -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0|does not appear"):
        networks_of([text])


FORGED = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example")]
GIVEN = [*FORGED, ("X-Forwarded-For", "198.51.100.7")]


@pytest.mark.parametrize(
    ("trusted", "headers", "client"),
    [([], FORGED, "127.0.0.1"), (["127.0.0.0/8"], GIVEN, "198.51.100.7"), (["127.0.0.0/8"], [], "127.0.0.1")],
)
def test_the_audit_log_and_changes_have_the_clients_address(
    trusted: list[str], headers: list[tuple[str, str]], client: str
) -> None:
    """As served, as uvicorn believes headers from this machine by itself."""

    async def scenario() -> None:
        async with live_inside(proxies=networks_of(trusted)) as (api, http):
            assert (await http.post("/v2/pods", json=definition("one"), headers=headers)).status_code == 201
            [posted] = [each for each in api.loop.asked if hasattr(each, "origin")]
            assert posted.origin.client_ip == client
            api.launched()
            assert (await http.get("/v2/pods/web::usage", headers=headers)).status_code == 200

    with structlog.testing.capture_logs() as logs:
        run(scenario)
    assert [line["client_ip"] for line in logs if line["event"] == "inside"] == [client]


def test_changes_from_many_clients_of_one_proxy_are_told_apart() -> None:
    async def scenario() -> None:
        async with live_inside(proxies=networks_of(["127.0.0.1"])) as (api, http):

            async def add(number: int) -> None:
                pod, headers = definition("one") | {"id": f"/p{number}"}, {"X-Forwarded-For": f"198.51.100.{number}"}
                assert (await http.post("/v2/pods", json=pod, headers=headers)).status_code == 201

            await asyncio.gather(*map(add, range(8)))
            seen = {each.definition.id: each.origin.client_ip for each in api.loop.asked}
            assert seen == {f"/p{number}": f"198.51.100.{number}" for number in range(8)}

    run(scenario)
