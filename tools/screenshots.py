"""Takes the pictures of the web interface that the docs show: on a local Mesos, dark and light.

    .venv/bin/python -m tools.screenshots

Their folder is ``docs/images``. It needs Debian's Chromium.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from scheduler.model.json import Json
from tools.example_scheduler import example_scheduler, wait_until

_FOLDER = Path(__file__).parents[1] / "docs" / "images"
_SIZE = {"width": 1120, "height": 600}
_HEIGHTS = {"events": 460}  # of pages so full of text that the picture would be larger than 100 kB
_SCHEMES = ("light", "dark")
_SERVE = "echo serving on $ENDPOINT_HTTP; exec python3 -m http.server $ENDPOINT_HTTP"
_WORK = (
    r'n=0; while true; do n=$((n+1)); printf "order %d \033[32mshipped\033[0m\n" $n; '
    r'[ $((n % 7)) = 0 ] && printf "\033[33mslow\033[0m answer of the bank\n" >&2; sleep 0.4; done'
)


def _container(name: str, shell: str, *, cpus: float = 0.1, **more: Any) -> Json:
    return {"name": name, "resources": {"cpus": cpus, "mem": 32}, "exec": {"command": {"shell": shell}}} | more


def _pod(pod_id: str, instances: int, *containers: Json, **more: Any) -> Json:
    scaling = {"kind": "fixed", "instances": instances}
    return {"id": pod_id, "scaling": scaling, "networks": [{"mode": "host"}], "containers": list(containers)} | more


_HTTP: Json = {"endpoints": [{"name": "http", "hostPort": 0, "protocol": ["tcp"]}]}
_HEALTHY: Json = _HTTP | {
    "healthCheck": {"http": {"endpoint": "http", "path": "/"}, "intervalSeconds": 5, "timeoutSeconds": 2}
}
_PODS = (
    _pod(
        "/shop/web",
        3,
        _container("web", _SERVE, **_HEALTHY),
        _container("orders", _WORK, environment={"MODE": "production", "BANK": "https://bank.example"}),
        labels={"team": "shop"},
    ),
    _pod("/shop/cart", 2, _container("cart", _SERVE, **_HEALTHY), labels={"team": "shop"}),
    _pod("/shop/search", 1, _container("search", _SERVE, **_HTTP), labels={"team": "search"}),
    _pod("/infra/metrics", 1, _container("metrics", _SERVE, **_HTTP), labels={"team": "infra"}),
    _pod("/jobs/import", 1, _container("import", "echo no such table: orders >&2; exit 3")),
    _pod("/jobs/train", 2, _container("train", "sleep 1000", cpus=64.0)),
)
_ATTRIBUTES = ("rack:r1", "rack:r2", "rack:r1;disk:ssd")


def main() -> None:
    """Take all pictures."""
    _FOLDER.mkdir(exist_ok=True)
    with example_scheduler("screenshots", _ATTRIBUTES) as scheduler:
        client = scheduler.client
        for each in _PODS:
            client.add(each)
        wait_until(lambda: all(client.status(each)["status"] == "STABLE" for each in ("/shop/web", "/shop/cart")))
        changed = _PODS[0] | {"labels": {"team": "shop", "release": "2"}}
        client.update(changed)
        wait_until(lambda: bool(client.status("/jobs/import").get("terminationHistory")))
        wait_until(lambda: not any("/shop/web" in each["affectedPods"] for each in client.deployments()))
        instance = client.status("/shop/web")["instances"][0]["id"]
        within = f"container/shop/web?instance={instance}&container=orders"
        _take(
            client.url,
            {
                "pods": "pods",
                "pod": "pod/shop/web",
                "versions": "pod/shop/web?tab=versions",
                "timeline": "pod/shop/web?tab=timeline",
                "log": f"{within}&tab=log",
                "shell": f"{within}&tab=shell",
                "files": f"{within}&tab=files",
                "deployments": "deployments",
                "queue": "queue",
                "agents": "agents",
                "events": "events",
                "edit": "edit/shop/web",
            },
        )


def _take(url: str, pages: dict[str, str]) -> None:
    program = shutil.which("chromium")
    if program is None:
        sys.exit("Chromium is missing: python -P -m localmesos.apt --install --with chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for scheme in _SCHEMES:
            page = browser.new_context(viewport=_SIZE, color_scheme=scheme).new_page()  # type: ignore[arg-type]
            for name, path in pages.items():
                height = _HEIGHTS.get(name, _SIZE["height"])
                page.set_viewport_size({"width": _SIZE["width"], "height": height})
                page.goto(f"{url}/ui/#/{path}")
                _prepare(page, name)
                page.screenshot(path=_FOLDER / f"ui-{name}-{scheme}.png")
        browser.close()


def _prepare(page: Page, name: str) -> None:
    """Wait until a page shows what it is about."""
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_timeout(1500)
    if name == "pod":
        page.wait_for_timeout(9000)  # some measurements for the plots
    elif name == "shell":
        page.get_by_text("Opening a shell").wait_for(state="detached")
        page.keyboard.type("ls -l; echo $MODE\n")
        page.wait_for_timeout(1500)


if __name__ == "__main__":
    main()
