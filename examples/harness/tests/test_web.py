"""The whole set-up is `pip install podexec[testing]`: pytest finds the fixture `podexec` by itself."""

from typing import Any

from podexec.testing import Podexec

SERVER = "echo hello > index.html; exec python3 -m http.server $ENDPOINT_HTTP"


def web(pod_id: str, shell: str = SERVER) -> dict[str, Any]:
    """A pod with a web server at any free port of its agent."""
    server = {
        "name": "server",
        "resources": {"cpus": 0.1, "mem": 32},
        "exec": {"command": {"shell": shell}},
        "endpoints": [{"name": "http", "hostPort": 0}],
    }
    return {"id": pod_id, "networks": [{"mode": "host"}], "containers": [server]}


def test_it_serves_its_page(podexec: Podexec) -> None:
    assert podexec.run(web("/web")).endpoint("http").get("/").text == "hello\n"


def test_it_survives_the_crash_of_its_agent(podexec: Podexec) -> None:
    pod = podexec.run(web("/web"))
    podexec.kill_agent(pod.agent())
    assert pod.endpoint("http").get("/").text == "hello\n"
    podexec.restart_agent(pod.agent())
    assert pod.wait_stable()["status"] == "STABLE"


def test_an_update_and_a_change_of_its_size(podexec: Podexec) -> None:
    pod = podexec.run(web("/web"))
    pod.update(web("/web", SERVER.replace("hello", "changed")))
    pod.scale(2)
    assert [pod.endpoint("http", instance).get("/").text for instance in (0, 1)] == ["changed\n", "changed\n"]
    assert "GET / " in pod.logs("server")
    assert pod.exec("cat", "index.html").stdout == "changed\n"
