"""The API, over the real loop and core: stories of requests, of the cluster's answers to them, and of time.

Requests come from the OpenAPI document by schemathesis, and by hand with definitions that are valid or nearly so. Paths
may name what there is only when the case runs: ``{pod}``, ``{instance}``, ``{deployment}``.
"""

import json
from functools import cached_property
from random import Random
from typing import Any
from urllib.parse import quote

import requests
import schemathesis
from schemathesis import GenerationMode

from scheduler.api.openapi import document
from scheduler.model.records import Condition
from tests.api.whole import WholeApi
from tests.fuzz.mutation import mutated_json, mutated_text
from tests.fuzz.odd_values import TEXTS, Raw
from tests.fuzz.pods import (
    drawn,
    look_at_everything,
    request,
    restarted,
    rich_offer,
    tell_all,
    whole,
    written_definitions,
)
from tests.fuzz.target import Target
from tests.model.strategies import any_valid

_ENDLESS = "/v2/events"
_BASE = "http://scheduler.test"
_JSON = {"Content-Type": "application/json"}
_OPERATIONS, _OF_EACH = 8, 8
_LONGEST_PART = 30_000  # of a path: longer heads of requests do not come here
_IDS = ("/a", "/a/b", "/product/web", "/any-a")
_TELLING = (Condition.RUNNING, Condition.RUNNING, Condition.STARTING, Condition.FAILED, Condition.FINISHED)
_READS = (
    *("{pod}", "{pod}::status", "{pod}::status?embed=podexec", "{pod}::versions", "{pod}::instances", "{pod}::history"),
    *("{pod}::timeline", "{pod}::timeline?instance={instance}"),
    *("{pod}::logs?instance={instance}", "{pod}::logs", "{pod}::usage", "{pod}::files?path=.", "{pod}::archive?path=/"),
)
_WRITES = (
    *(("DELETE", "/v2/pods{pod}"), ("DELETE", "/v2/pods{pod}?force=true"), ("DELETE", "/v2/groups{pod}?force=true")),
    *(("DELETE", "/v2/pods{pod}::instances/{instance}"), ("DELETE", "/v2/pods{pod}::instances/{instance}?wipe=true")),
    *(("DELETE", "/v2/queue{pod}/delay"), ("DELETE", "/v2/deployments/{deployment}")),
    *(("DELETE", "/v2/deployments/{deployment}?force=true"), ("POST", "/v2/deployments/{deployment}/pause")),
    ("POST", "/v2/deployments/{deployment}/resume"),
)
_QUERIES = ("force", "batchSize", "deadlineSeconds", "embed", "wipe", "instance", "container", "path", "tail", "offset")


class Fuzzed(Target):
    """A case is JSON: a list of steps, each an object with one member that names what happens."""

    @cached_property
    def _definitions(self) -> list[Any]:
        return written_definitions() + drawn(self.random, any_valid(), 15)

    @cached_property
    def _generated(self) -> list[Any]:
        """Requests from the document, for some of its operations."""
        schema = schemathesis.openapi.from_dict(document("1.2.3"))
        operations = [each.ok() for each in schema.get_all_operations()]
        found: list[Any] = []
        for operation in self.random.sample(operations, _OPERATIONS):
            if operation.path == _ENDLESS:
                continue
            for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
                try:
                    cases = drawn(self.random, operation.as_strategy(generation_mode=mode), _OF_EACH)
                except Exception:  # of hypothesis: there is nothing invalid to send
                    continue
                found += [_plain(each) for each in cases]
        return found

    def make_case(self, random: Random) -> bytes:
        """At first a pod is asked for, usually a valid one; then anything happens."""
        steps = [self._posted(random, 0.2)]
        for _ in range(random.randint(2, 12)):
            steps.append(random.choice(_STEPS)(self, random))  # noqa: PERF401
        return json.dumps(steps).encode()

    def run(self, case: bytes) -> None:
        """Each request is answered, and a refused one changes nothing; then, and after a restart, all can be read."""
        with whole() as api:
            for step in json.loads(case):
                _take(api, step)
            look_at_everything(api)
            stored = api.stored()
        with restarted(stored) as api:
            look_at_everything(api)

    # ------------------------------------------------------------------------- steps

    def _posted(self, random: Random, wrong: float = 0.5) -> Any:
        return _sent("POST", "/v2/pods", self._body(random, random.choice(_IDS), wrong))

    def _put(self, random: Random) -> Any:
        pod_id = random.choice(_IDS)
        return _sent("PUT", f"/v2/pods{pod_id}{_query(random)}", self._body(random, pod_id, 0.5))

    def _body(self, random: Random, pod_id: str, wrong: float) -> str:
        found = random.choice(self._definitions) | {"id": pod_id}
        if random.random() >= wrong:
            return json.dumps(found)
        if random.random() < 0.2:  # for others than JSON
            return mutated_json(random, found).decode("latin-1")
        return mutated_text(random, found, random.choice((1, 1, 2, 5)))

    def _of_document(self, random: Random) -> Any:
        if not self._generated:
            return self._read(random)
        found = random.choice(self._generated)
        return json.loads(json.dumps(found))

    def _read(self, random: Random) -> Any:
        path = f"/v2/pods{random.choice(_READS)}"
        return _sent(random.choice(("GET", "GET", "HEAD")), path if "?" in path else path + _query(random))

    def _written(self, random: Random) -> Any:
        method, path = random.choice(_WRITES)
        if method == "POST" and random.random() < 0.3:
            return _sent(method, path, random.choice(("{}", "[]", "1", '{"a":' * 50)))
        return _sent(method, path)

    def _offered(self, random: Random) -> Any:
        return {"offer": random.randint(1, 9)}

    def _told(self, random: Random) -> Any:
        return {"tell": random.choice(_TELLING).name}

    def _time(self, random: Random) -> Any:
        return {"pass": random.choice((0.5, 5, 61, 301, 3600, 86_400 * 8))}

    def _odd_path(self, random: Random) -> Any:
        part = random.choice([each for each in TEXTS if not isinstance(each, Raw)])
        path = random.choice(
            ("/v2/pods/{}", "/v2/{}", "/{}", "/v2/pods{{pod}}::instances/{}", "/v2/groups/{}", "/v2/queue/{}/delay")
        )
        return _sent(
            random.choice(("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD")),
            path.format(quote(part)[:_LONGEST_PART]),
        )


_STEPS = (
    *(Fuzzed._posted, Fuzzed._put, Fuzzed._put, Fuzzed._of_document, Fuzzed._of_document, Fuzzed._of_document),
    *(Fuzzed._read, Fuzzed._written, Fuzzed._written, Fuzzed._offered, Fuzzed._offered, Fuzzed._told, Fuzzed._told),
    *(Fuzzed._time, Fuzzed._odd_path),
)


def _sent(method: str, path: str, body: str = "", headers: Any = None) -> Any:
    return {"send": [method, path, _JSON if headers is None and body else headers or {}, body]}


def _query(random: Random) -> str:
    if random.random() < 0.5:
        return random.choice(("", "?force=true"))
    value = random.choice([each for each in TEXTS if not isinstance(each, Raw)])[:5000]
    return f"?{random.choice(_QUERIES)}={quote(value)}"


def _plain(case: schemathesis.Case) -> Any:
    """A request of schemathesis, about the pod that there is if any will do."""
    made = requests.Request(**case.as_transport_kwargs(base_url=_BASE)).prepare()
    body = made.body.encode() if isinstance(made.body, str) else made.body or b""
    headers = {
        name: value
        for name, value in made.headers.items()
        if not name.startswith("X-Schemathesis") and name != "Cookie"
    }
    return _sent(str(made.method), str(made.url).removeprefix(_BASE), body.decode("latin-1"), headers)


def _take(api: WholeApi, step: Any) -> None:
    match step:
        case {"send": [method, path, headers, body]}:
            _send(api, method, _filled(api, path), headers, body)
        case {"offer": count}:
            api.happens(*(rich_offer(number) for number in range(count)))
        case {"tell": name}:
            tell_all(api, Condition[name])
        case {"pass": seconds}:
            api.passes(seconds)


def _send(api: WholeApi, method: str, path: str, headers: Any, body: str) -> None:
    try:
        content = body.encode("latin-1")
    except UnicodeEncodeError:
        content = body.encode(errors="surrogatepass")
    raw = [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    request(api, method, path, headers=raw, content=content)


def _filled(api: WholeApi, path: str) -> str:
    """The path, with what there is now."""
    pod = next(iter(api.world.pods), "/none")
    instances = [each.id for each in api.world.instances.values() if each.pod_id == pod]
    known = {
        "{pod}": quote(pod),
        "{instance}": quote(instances[0] if instances else "none.instance-1"),
        "{deployment}": quote(next(iter(api.world.deployments), "none")),
    }
    for name, value in known.items():
        path = path.replace(name, value)
    return path
