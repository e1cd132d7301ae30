"""``/docs``: the page has everything in the document, and loads nothing."""

from html.parser import HTMLParser

from scheduler.api.openapi import document
from scheduler.api.page import html
from tests.api.app import Api

VOID = {"meta"}


class Page(HTMLParser):
    """Collects the page's text, ids and links; every tag must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One more tag."""
        self.tags.add(tag)
        found = dict(attrs)
        self.ids += [found["id"]] if found.get("id") else []
        self.links += [found["href"]] if found.get("href") else []
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """It must be the last one opened."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Some text."""
        self.words.append(data)


def test_every_operation_and_every_body_is_on_the_page_and_every_link_leads_somewhere(api: Api) -> None:
    answer = api("GET", "/docs")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = Page(answer.text)
    text = "".join(page.words)
    for path, operations in document("1.2.3")["paths"].items():
        for method in operations.keys() & {"get", "post", "put", "delete"}:
            assert f"{method.upper()} {path}" in text
            assert operations[method]["operationId"] in page.ids
    assert set(document("1.2.3")["components"]["schemas"]) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert {link for link in page.links if not link.startswith("#")} == {"openapi.json"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_the_page_loads_nothing(api: Api) -> None:
    answer = api("GET", "/docs")
    assert Page(answer.text).tags.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert "url(" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_what_the_document_says_is_text_whatever_it_says() -> None:
    info = {"title": "<b>", "version": "&", "description": "`<i>` and"}
    text = html({"info": info, "paths": {}, "components": {"schemas": {"<x>": {"description": "<u>"}}}})
    assert "<h1>&lt;b&gt; &amp;</h1>" in text
    assert "<code>&lt;i&gt;</code> and" in text
    assert "<u>" not in text
    assert "<x>" not in text
