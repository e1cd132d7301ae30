"""Two teams and their users: a principals file, and requests made by each of them."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2

from scheduler.access.tokens import new_token
from scheduler.api.access import Access
from scheduler.model.json import Json
from tests.access.principals import rule, token_record, write
from tests.api.app import Api
from tests.api.test_pods import POD
from tests.fakes.loop import FakeLoop

RULES = (
    rule("root", "/**", "admin"),
    rule("watcher", "/**", "view"),
    rule("boss", "/**", "operate"),
    rule("alice", "/team-a/**"),
    rule("web", "/team-a/web"),
    rule("reader", "/team-a/web", "view"),
    rule("careful", "/team-a/**", without=["exec", "copy", "files"]),
    rule("logger", "/team-a/web", None, **{"with": ["logs"]}),
)
USERS = ("root", "watcher", "boss", "alice", "web", "reader", "careful", "logger", "stranger")
TOKENS = {name: new_token() for name in USERS}
POD_IDS = ("/team-a/web", "/team-a/db", "/team-b/web", "/team-b/hidden")


def bearer(user: str) -> dict[str, str]:
    """The header of a user."""
    return {"Authorization": f"Bearer {TOKENS[user]}"}


def teams_file(folder: Path) -> Path:
    """The principals file."""
    return write(folder / "principals.json", {name: {"tokens": [token_record(TOKENS[name])]} for name in USERS}, *RULES)


def definition(pod_id: str, **more: Any) -> Json:
    """A small pod."""
    return POD | {"id": pod_id} | more


class Teams:
    """The API with pods of both teams."""

    def __init__(self, folder: Path) -> None:
        self.loop = FakeLoop()
        self.file = teams_file(folder)
        self._api = Api(self.loop, Access(principals=self.file))
        for pod_id in POD_IDS:
            assert self.ask("root", "POST", "/v2/pods", json=definition(pod_id)).status_code == 201
        self.loop.asked.clear()

    def ask(
        self, user: str, method: str, path: str, headers: Mapping[str, str] = MappingProxyType({}), **more: Any
    ) -> httpx2.Response:
        """The answer to a request of this user."""
        return self._api(method, path, headers={**bearer(user), **headers}, **more)

    def get(self, user: str, path: str) -> Any:
        """What is shown to this user."""
        answer = self.ask(user, "GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()
