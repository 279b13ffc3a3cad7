import pytest

from motionstream.serving.access import COOKIE, Access, is_loopback
from motionstream.serving.settings import ServerSettings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_the_loopback_asks_for_no_token(host):
    assert is_loopback(host)
    assert Access(ServerSettings(host=host)).admits(None)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "example.org", "::", "127.0.0.1.example.org", ""])
def test_any_other_address_makes_a_token_and_asks_for_it(host):
    access = Access(ServerSettings(host=host))
    assert access.token
    assert len(access.token) >= 32
    assert not access.admits(None)
    assert not access.admits("")
    assert not access.admits(access.token[:-1])
    assert access.admits(access.token)


def test_a_given_token_is_asked_for_on_the_loopback_too_and_may_come_by_header_or_cookie():
    access = Access(ServerSettings(token="open sesame"))
    assert not access.admits_headers({}, {})
    assert access.admits_headers({"authorization": "bearer open sesame"}, {})
    assert not access.admits_headers({"authorization": "Basic open sesame"}, {})
    assert access.admits_headers({}, {COOKIE: access.ticket()})
    assert not access.admits_headers({"authorization": "Bearer ümlaut"}, {COOKIE: "ümlaut"})


def test_tickets_stand_for_the_token_of_their_own_server_only():
    mine, other = Access(ServerSettings(login=True)), Access(ServerSettings(login=True))
    assert mine.admits(mine.ticket("ann"))
    assert not mine.admits(other.ticket("ann"))
    assert not mine.admits(mine.ticket("ann")[:-2])


def test_a_page_may_connect_to_the_host_it_came_from_only():
    access = Access(ServerSettings(host="0.0.0.0"))
    assert access.admits_origin({"host": "studio.example:8000"})
    assert access.admits_origin({"host": "Studio.example:8000", "origin": "http://studio.example:8000"})
    for origin in (
        "http://evil.example",
        "http://studio.example",
        "null",
        "",
        "http://[",
        "https://studio.example:80001",
    ):
        assert not access.admits_origin({"host": "studio.example:8000", "origin": origin})


def test_what_a_proxy_says_its_name_is_counts_where_there_is_one_only():
    headers = {"host": "10.0.0.1", "x-forwarded-host": "Public.example", "origin": "https://public.example"}
    assert Access(ServerSettings(host="0.0.0.0", proxied=True)).admits_origin(headers)
    assert not Access(ServerSettings(host="0.0.0.0")).admits_origin(headers)
    lured = {"host": "evil.example:7860", "x-forwarded-host": "localhost:7860"}
    assert Access(ServerSettings(proxied=True)).admits_host(lured)
    assert not Access(ServerSettings()).admits_host(lured)


def test_a_listed_origin_may_connect_from_anywhere():
    access = Access(ServerSettings(allowed_origins=("https://Partner.example/",)))
    assert access.admits_origin({"host": "localhost:7860", "origin": "https://partner.example"})


def test_a_strange_name_that_points_at_the_loopback_is_not_let_in():
    access = Access(ServerSettings())
    assert access.admits_origin({"host": "localhost:7860", "origin": "http://localhost:7860"})
    assert not access.admits_origin({"host": "evil.example:7860", "origin": "http://evil.example:7860"})
