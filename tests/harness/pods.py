"""Definitions for the tests of a stranger's project."""


def pod(pod_id, shell="exec sleep 1000", **more):
    """A pod of one container that runs a shell line."""
    container = {"name": "main", "resources": {"cpus": 0.1, "mem": 32}, "exec": {"command": {"shell": shell}}}
    return {"id": pod_id, "containers": [container | more]}


def web(pod_id, text="hello"):
    """A pod with a web server at any free port of its agent."""
    shell = f"echo {text} > index.html; exec python3 -m http.server $ENDPOINT_HTTP"
    definition = pod(pod_id, shell, endpoints=[{"name": "http", "hostPort": 0}])
    return definition | {"networks": [{"mode": "host"}]}
