"""Where a server is found: private files, the loopback alone, and nothing left behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reviewer.errors import ConfigError
from reviewer.server.settings import Settings
from tests.support import serving

HERE = Path(__file__).parents[1]


def test_files_are_private_and_go_away(tmp_path: Path) -> None:
    with serving.server(serving.settings(tmp_path)) as it:
        it.ready()
        for place in (it.settings.state, it.settings.token_file):
            assert place.stat().st_mode & 0o777 == 0o600
        assert it.state["pid"] == os.getpid()
        assert len(it.token) >= 40
        first = it.token
    assert not it.settings.state.exists()
    assert not it.settings.token_file.exists()
    with serving.server(serving.settings(tmp_path)) as it:
        assert it.token != first


def listeners() -> set[str]:
    """Local addresses of all sockets of this machine that listen (proc(5), net/tcp)."""
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                found.add(fields[1])
    return found


def test_it_listens_on_the_loopback_alone(tmp_path: Path) -> None:
    before = listeners()
    with serving.server(serving.settings(tmp_path)) as it:
        port = f"{it.state['port']:04X}"
        ours = {each for each in listeners() - before if each.endswith(f":{port}")}
        assert ours == {f"0100007F:{port}"}


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "localhost", "", "10.0.0.1", "::", "127.0.0.1.nip.io", "0x7f.1", "example"]
)
def test_other_addresses_are_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match="refusing to listen"):
        Settings(model=tmp_path, state=tmp_path / "s", host=host)


@pytest.mark.parametrize(
    "changes",
    [{"port": 70000}, {"context": 10}, {"cache_tokens": 8000}, {"max_batch": 0},
     {"max_queue": 0}, {"deadline": 0.0}, {"deadline": 1e9}, {"min_cache_tokens": 1 << 20}],
)  # fmt: skip
def test_numbers_out_of_bounds(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="is not between"):
        Settings(model=tmp_path, state=tmp_path / "s", **changes)


def test_a_port_in_use_leads_to_the_next(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving.server(serving.settings(tmp_path, port=port)) as it:
            assert port < it.ready().state["port"] <= port + 4


def test_two_servers_do_not_share_a_state(tmp_path: Path) -> None:
    made = serving.settings(tmp_path)
    with serving.server(made) as it:
        token = it.ready().token
        with pytest.raises(ConfigError, match="that of a server that runs"):
            asyncio.run(serving.serve(made, lambda *_, **__: None))
        assert it.token == token
        assert it.health()["state"] == "ready"


def test_what_a_killed_server_left_is_taken_over(tmp_path: Path) -> None:
    made = serving.settings(tmp_path)
    made.state.write_text('{"port": 1}')
    made.token_file.write_text("old")
    made.state.chmod(0o644)
    with serving.server(made) as it:
        assert it.ready().token != "old"
        assert made.state.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["state.json", "state.json.token"])
def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path, name: str) -> None:
    made = serving.settings(tmp_path)
    (tmp_path / "other").write_text("precious")
    (tmp_path / name).symlink_to(tmp_path / "other")
    with serving.server(made) as it:
        it.ready()
    assert (tmp_path / "other").read_text() == "precious"


async def over_unix(place: Path, token: str) -> tuple[int, int]:
    connector = aiohttp.UnixConnector(str(place))
    async with aiohttp.ClientSession(connector=connector) as session:
        headers = {"Authorization": f"Bearer {token}"}
        async with session.get("http://localhost/v1/models", headers=headers) as answer:
            found = answer.status
        async with session.get("http://localhost/v1/models") as answer:
            return found, answer.status


def test_a_unix_socket(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    place = folder / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(place))
    with serving.server(serving.settings(tmp_path, socket=place)) as it:
        assert it.state["socket"] == str(place)
        assert "port" not in it.state
        end = time.monotonic() + 5
        while asyncio.run(over_unix(place, it.token)) != (200, 401):
            assert time.monotonic() < end
            time.sleep(0.02)
        with pytest.raises(ConfigError, match="cannot listen"):
            asyncio.run(serving.serve(it.settings, lambda *_, **__: None))


def test_a_unix_socket_in_a_folder_of_all(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    made = serving.settings(tmp_path, socket=tmp_path / "s")
    with pytest.raises(ConfigError, match="is not private"):
        asyncio.run(serving.serve(made, lambda *_, **__: None))


PROGRAM = """
import json, sys
from pathlib import Path
from reviewer.server.main import run
from tests.support import serving
sys.exit(run(serving.settings(Path(sys.argv[1]), json.loads(sys.argv[2]))))
"""


@pytest.fixture
def process(tmp_path: Path) -> Any:
    """A server as a process of its own, with its worker's process id."""
    (tmp_path / "starts").touch()
    behaviour = '{"starts": "%s", "token_seconds": 0.01}' % (tmp_path / "starts")
    words = [sys.executable, "-c", PROGRAM, str(tmp_path), behaviour]
    it = serving.Server(serving.settings(tmp_path))
    with subprocess.Popen(words, cwd=HERE, stderr=subprocess.PIPE) as started:
        try:
            it.wait_for_state(started)
            yield started, it.ready(), int((tmp_path / "starts").read_text().split()[0])
        finally:
            started.kill()


def ended(pid: int) -> bool:
    """Whether a process is gone, or nobody but its parent can tell that it was."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def until(what: Any, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
def test_a_signal_lets_it_end_in_order(process: Any) -> None:
    started, it, worker = process
    started.send_signal(signal.SIGTERM)
    lines = started.stderr.read().decode()
    assert started.wait(10) == 0
    until(lambda: ended(worker))
    assert not it.settings.state.exists()
    assert '"event": "listening"' in lines
    assert all(line.startswith("{") for line in lines.splitlines())


@pytest.mark.slow
def test_a_killed_server_leaves_no_worker(process: Any) -> None:
    started, it, worker = process
    started.kill()
    started.wait(10)
    until(lambda: ended(worker))
    with serving.server(serving.settings(it.settings.state.parent)) as again:
        assert again.ready().chat(max_tokens=1).status == 200
