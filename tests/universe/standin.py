"""A stand-in for what DC/OS adds to Mesos: Marathon, which runs the scheduler's app, and Admin Router before it.

The app runs as a pod of another podexec: its command, environment, fetched files, volumes, user and resources are those
that Marathon would give to Mesos. It gets the variables that Marathon sets.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from podexec.testing import wait_for
from tests.debian import program
from tests.ports import free_port
from tests.universe.reading import Json

_NGINX = """\
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port};
        location /service/podexec/ {{
            proxy_pass {upstream}/;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""


def pod_of(app: Json, hostname: str, path: str) -> Json:
    """The app as a pod on the agent of this name. ``path``: the PATH of its processes."""
    assert app["networks"] == [{"mode": "host"}]
    (port,) = app["portDefinitions"]
    kept = [each for each in app["container"]["volumes"] if "persistent" in each]
    variables = f"export PORT_{port['name'].upper()}=$ENDPOINT_{port['name'].upper()} HOST={hostname}"
    check = app["healthChecks"][0]
    return {
        "id": f"/{app['id'].strip('/')}",
        "user": app["user"],
        "environment": {**app["env"], "PATH": path},
        "networks": [{"mode": "host"}],
        "volumes": [{"name": each["containerPath"], "persistent": each["persistent"]} for each in kept],
        "containers": [
            {
                "name": "scheduler",
                "resources": {"cpus": app["cpus"], "mem": app["mem"]},
                "exec": {"command": {"shell": f"{variables}; {app['cmd']}"}},
                "artifacts": app["fetch"],
                "endpoints": [{"name": port["name"], "hostPort": 0}],
                "volumeMounts": [{"name": each["containerPath"], "mountPath": each["containerPath"]} for each in kept],
                "healthCheck": {
                    "http": {"endpoint": port["name"], "path": check["path"]},
                    "intervalSeconds": 2,
                    "timeoutSeconds": 1,
                    "gracePeriodSeconds": check["gracePeriodSeconds"],
                },
            }
        ],
        "scheduling": {
            "placement": {"constraints": [{"fieldName": "hostname", "operator": "IS", "value": hostname}]},
            "upgrade": app["upgradeStrategy"],
        },
    }


@contextmanager
def admin_router(upstream: str, folder: Path) -> Iterator[str]:
    """nginx that strips ``/service/podexec``, as Admin Router does; yields the URL with it."""
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, port=port, upstream=upstream))
    command = [program("nginx", "usr/sbin/nginx"), "-c", configuration, "-e", folder / "error.log"]
    nginx = subprocess.Popen(command)
    try:
        log = folder / "error.log"
        wait_for(f"nginx listens: {log.read_text() if log.exists() else ''}", (folder / "pid").exists, 20)
        yield f"http://127.0.0.1:{port}/service/podexec"
    finally:
        nginx.terminate()
        nginx.wait(20)
