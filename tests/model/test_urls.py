"""Credentials in URLs are left out of whatever is shown."""

import pytest

from scheduler.model.urls import has_password, without_password


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:hush@host:1/x", "http://host:1/x"),
        ("https://hush@host", "https://host"),
        ("zk://me:hu/sh@h1:2181,h2:2181/mesos", "zk://h1:2181,h2:2181/mesos"),
        ("http://me:hu@sh@host/x@y", "http://host/x@y"),
        ("http://me:hu/s@h@host", "http://host"),
        ("write http://USER:PASSWORD@HOST:PORT", "write http://USER:PASSWORD@HOST:PORT"),
        ("cannot open 'http://a:hush@b/' and http://c:hush@d", "cannot open 'http://b/' and http://d"),
        ("http://host:8080/@scope/x", "http://host:8080/@scope/x"),
        ('{"a":"http://host","b":"x@y"}', '{"a":"http://host","b":"x@y"}'),
        ("me@host", "me@host"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert without_password(text) == shown
    assert has_password(text) is (text != shown)
