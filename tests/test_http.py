import itertools
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from reviewer import http
from reviewer.errors import ConfigError, EngineDown, EngineRefused
from reviewer.http import Client, place
from tests.fakes import engine as fake
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.slow

CHAT = "/v1/chat/completions"
QUESTION = b'{"messages": [{"content": "hi"}], "max_tokens": 9}'


def in_(seconds: float) -> float:
    return time.monotonic() + seconds


def client(engine: FakeEngine, **options: object) -> Client:
    return Client(place(engine.url), **options)  # type: ignore[arg-type]


def ask(to: Client, seconds: float = 5.0) -> http.Answer:
    with to.open("POST", CHAT, QUESTION, in_(seconds), 1 << 20) as reply:
        return reply.whole()


ALLOWED = {"models.example.com", "10.1.2.3", "169.254.169.254", "fd00:ec2::254", "::ffff:7f00:1"}


@pytest.mark.parametrize(
    ("url", "name", "local"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("http://127.0.0.1:8000/v1/", "127.0.0.1:8000", True),
        ("http://127.8.9.1", "127.8.9.1:80", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("https://127.0.0.1", "127.0.0.1:443", True),
        ("unix:///run/engine.sock", "/run/engine.sock", True),
        ("https://models.example.com/team-a/v1", "models.example.com:443", False),
        ("https://MODELS.example.com.:8443", "models.example.com:8443", False),
        ("https://10.1.2.3", "10.1.2.3:443", False),
    ],
)
def test_an_address_that_is_taken(url: str, name: str, *, local: bool) -> None:
    found = place(url, ALLOWED)
    assert (found.name, found.local) == (name, local)
    assert not found.path.endswith("/v1")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "http://",
        "http://127.0.0.1:0",
        "http://127.0.0.1:99999",
        "http://localhost:8000",
        "http://x.localhost",
        "http://127.0.0.1.nip.io",
        "http://0x7f.1",
        "http://0x7f000001",
        "http://2130706433",
        "http://127.1",
        "http://0177.0.0.1",
        "http://0.0.0.0:8000",
        "http://[::]:8000",
        "http://[::ffff:127.0.0.1]",
        "https://[::ffff:169.254.169.254]",
        "https://[::ffff:7f00:1]",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00:ec2::254]",
        "http://localhost@evil.example",
        "http://127.0.0.1@evil.example",
        "http://user:password@127.0.0.1",
        "http://127.0.0.1#@evil.example",
        "http://127.0.0.1?x=1",
        "http://127.0.0.1\\@evil.example",
        "http://127.0.0.1\r\nHost: x",
        "http://127。0。0。1",
        "https://evil.example",
        "https://models.example.com.evil.example",
        "https://evil-models.example.com",
        "http://models.example.com",
        "http://10.1.2.3",
        "unix://host/run/engine.sock",
        "unix:run/engine.sock",
        "unix:///" + "x" * 120,
        "http://127.0.0.1/" + "x" * 3000,
    ],
)
def test_an_address_that_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        place(url, ALLOWED)
    assert raised.value.tip
    assert "password" not in raised.value.message


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("203.0.113.9", True),
        ("10.0.0.7", True),
        ("fd12::1", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("0.0.0.0", False),
        ("169.254.169.254", False),
        ("169.254.1.1", False),
        ("fe80::1", False),
        ("224.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::169.254.169.254", False),
        ("2002:a9fe:a9fe::1", False),
        ("168.63.129.16", False),
    ],
)
def test_a_name_that_was_allowed_may_not_lead_everywhere(
    address: str, *, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def resolver(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    there = Client(place("https://models.example.com", ALLOWED))
    if may:
        assert there._addresses(in_(1)) == [address]
    else:
        with pytest.raises(EngineRefused, match=r"models\.example\.com"):
            there.get("/v1/models", in_(1))
    assert asked == ["models.example.com"]


def test_a_resolver_that_hangs_costs_no_more_than_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2) or [])
    started = time.monotonic()
    with pytest.raises(EngineDown, match=r"in time where models\.example\.com is"):
        Client(place("https://models.example.com", ALLOWED)).get("/health", in_(0.2))
    assert time.monotonic() - started < 1


def test_what_a_request_says() -> None:
    with FakeEngine() as engine:
        answer = client(engine, token="k1").get("/v1/models", in_(5))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    seen = engine.seen[0]
    assert seen.headers["host"] == f"127.0.0.1:{engine.port}"
    assert seen.headers["authorization"] == "Bearer k1"
    assert seen.headers["connection"] == "close"
    assert seen.headers["accept-encoding"] == "identity"
    assert "k1" not in repr(client(engine, token="k1"))


def test_small_requests_leave_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    trace = http._Clock.trace

    def watched(clock: http._Clock, event: str, info: dict[str, Any]) -> None:
        trace(clock, event, info)
        if event == "connection.connect_tcp.complete":
            it = info["return_value"].get_extra_info("socket")
            seen.append(it.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(http._Clock, "trace", watched)
    with FakeEngine() as engine:
        ask(client(engine))
    assert seen == [1]


def test_a_unix_socket(tmp_path: Path) -> None:
    with FakeEngine(socket_file=tmp_path / "s") as engine:
        assert client(engine).get("/health", in_(5)).status == 200
        with client(engine).open("POST", CHAT, QUESTION, in_(5)) as reply:
            assert list(reply.events())[-1] == b"[DONE]"


def test_no_proxy_sees_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy, FakeEngine() as engine:
        proxy.settimeout(0.2)
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert ask(client(engine)).status == 200
        with pytest.raises(TimeoutError):
            proxy.accept()


def test_a_redirect_is_not_followed() -> None:
    with FakeEngine() as engine:
        engine.faults.append(fake.redirects)
        with pytest.raises(EngineRefused, match="leads elsewhere"):
            ask(client(engine))
    assert len(engine.seen) == 1


def test_a_compressed_answer_is_not_unpacked() -> None:
    with FakeEngine() as engine:
        engine.faults.append(fake.compressed)
        with pytest.raises(EngineRefused, match="compressed"):
            ask(client(engine))


@pytest.mark.parametrize("fault", [fake.silent, fake.dripping, fake.dripping_head])
def test_the_deadline_holds_however_slowly_bytes_come(fault: fake.Fault) -> None:
    with FakeEngine() as engine:
        engine.faults.append(fault)
        started = time.monotonic()
        with pytest.raises(EngineDown, match="no whole answer in time") as raised:
            ask(client(engine), 0.3)
        assert 0.25 < time.monotonic() - started < 0.8
        assert raised.value.repeats == 0


def test_silence_is_bounded_before_the_deadline() -> None:
    with FakeEngine() as engine:
        engine.faults.append(fake.silent)
        started = time.monotonic()
        with pytest.raises(EngineDown):
            ask(client(engine, silence=0.2), 20)
        assert time.monotonic() - started < 2


def test_no_time_left_means_no_request() -> None:
    with FakeEngine() as engine:
        with pytest.raises(EngineDown, match="no time left"):
            ask(client(engine), -1)
        assert not engine.seen


def test_a_flood_is_cut() -> None:
    with FakeEngine() as engine:
        engine.faults.append(fake.floods)
        with pytest.raises(EngineRefused, match="more than 1,048,576 bytes"):
            ask(client(engine))


def test_one_that_goes_away_in_the_middle() -> None:
    with FakeEngine() as engine:
        engine.faults.append(fake.dies)
        with pytest.raises(EngineDown, match="hung up") as raised:
            ask(client(engine))
        assert raised.value.repeats == 1


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(EngineDown, match=f"nothing answers at 127.0.0.1:{port}") as raised:
        Client(place(f"http://127.0.0.1:{port}")).get("/health", in_(2))
    assert raised.value.repeats > 0


def test_a_second_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeEngine() as engine:
        there = client(engine)
        monkeypatch.setattr(Client, "_addresses", lambda *_: ["127.0.0.2", "127.0.0.1"])
        assert there.get("/health", in_(5)).status == 200


def test_events_come_whole_however_they_are_cut() -> None:
    data = b": comment\r\ndata: one\r\n\r\nevent: x\ndata:two\n\ndata: [DONE]\n\n"
    for size in (1, 2, 7, 1000):
        chunks = (data[i : i + size] for i in range(0, len(data), size))
        reply = http.Reply(200, {}, chunks, 1000)
        assert list(reply.events()) == [b"one", b"two", b"[DONE]"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    pair = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=models.example.com",
         "-addext", "subjectAltName=DNS:models.example.com",
         "-out", str(pair[0]), "-keyout", str(pair[1])],
        check=True, capture_output=True,
    )  # fmt: skip
    return pair


@pytest.fixture
def cluster(certificate: tuple[Path, Path]) -> FakeEngine:
    """A server behind TLS whose certificate is that of models.example.com."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return FakeEngine(tls=context)


def test_tls_is_that_of_the_name_and_not_of_the_address(
    cluster: FakeEngine, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "_addresses", lambda *_: ["127.0.0.1"])
    with cluster as engine:
        url = f"https://models.example.com:{engine.port}"
        good = Client(place(url, ALLOWED), ca_file=certificate[0])
        assert good.get("/health", in_(5)).status == 200
        assert engine.seen[0].headers["host"] == f"models.example.com:{engine.port}"
        stranger = Client(place(url, ALLOWED))
        with pytest.raises(EngineDown, match="certificate that nobody here trusts") as raised:
            stranger.get("/health", in_(5))
        assert raised.value.repeats == 0
        other = Client(place(f"https://10.1.2.3:{engine.port}", ALLOWED), ca_file=certificate[0])
        with pytest.raises(EngineDown, match="certificate"):
            other.get("/health", in_(5))


def test_the_deadline_holds_behind_tls(
    cluster: FakeEngine, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "_addresses", lambda *_: ["127.0.0.1"])
    cluster.faults.append(fake.dripping)
    with cluster as engine:
        url = f"https://models.example.com:{engine.port}"
        started = time.monotonic()
        with pytest.raises(EngineDown, match="in time"):
            ask(Client(place(url, ALLOWED), ca_file=certificate[0]), 0.4)
        assert time.monotonic() - started < 1


def test_a_file_of_certificates_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(EngineRefused, match="no certificates"):
        Client(place("https://127.0.0.1:9"), ca_file=tmp_path / "none").get("/", in_(1))


def test_many_streams_leave_no_socket_behind() -> None:
    with FakeEngine() as engine:
        to = client(engine)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            with to.open("POST", CHAT, QUESTION, in_(5)) as reply:
                list(itertools.islice(reply.events(), 2))
        deadline = in_(3)
        while len(list(Path("/proc/self/fd").iterdir())) > before and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before
