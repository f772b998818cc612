"""When a call to GitHub is made again, how long that takes, and what is said when it fails."""

import http.server
import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewer.errors import ForgeError, InputError, Refused, Rejected, Unreachable
from reviewer.forges._calls import Answer, Limited
from reviewer.forges._github_answers import accepted
from reviewer.forges._github_calls import Calls
from reviewer.forges.base import PutNote
from tests.fakes import _github_faults as faults
from tests.fakes._github_faults import Fault
from tests.support.hub import Clock, Hub, hub

pytestmark = pytest.mark.slow

MARK = "<!-- reviewer:summary:a.b:00000000000000000000000000000000 -->"
NOTE = PutNote(f"hello\n\n{MARK}", MARK)
NOTES = "*/issues/1/comments"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Hub]:
    with hub(tmp_path / "hub") as made:
        yield made


def posts(here: Hub) -> int:
    return sum(request.path.endswith("/comments") for request in here.fake.writes)


READ_FAULTS = {
    "500": faults.server_error(500),
    "502 with HTML": faults.bad_gateway(),
    "503": faults.server_error(503),
    "504": faults.server_error(504),
    "reset": faults.reset(),
    "cut": faults.cut(),
    "bad JSON": faults.bad_json(),
    "list as error": faults.answer(500, ["x"]),
    "307": faults.redirect("http://127.0.0.1:1/x"),
}


@pytest.mark.parametrize("fault", READ_FAULTS.values(), ids=READ_FAULTS)
def test_a_read_is_repeated(fault: Fault, here: Hub) -> None:
    told = here.talk()
    here.fake.fault("POST", "/graphql", fault, times=4)
    assert told.past().head == here.head
    assert here.clock.waits == [1, 2, 4, 8]


@pytest.mark.parametrize("fault", READ_FAULTS.values(), ids=READ_FAULTS)
def test_a_read_is_given_up(fault: Fault, here: Hub) -> None:
    told = here.talk()
    here.fake.fault("POST", "/graphql", fault, times=99)
    with pytest.raises(Unreachable):
        told.past()
    assert sum(request.path == "/graphql" for request in here.fake.requests) == 5
    assert sum(here.clock.waits) == 15


UNCLEAR = {
    "502": faults.bad_gateway,
    "503": faults.server_error,
    "reset": faults.reset,
    "cut": faults.cut,
}


@pytest.mark.parametrize("make", UNCLEAR.values(), ids=UNCLEAR)
def test_a_write_that_was_stored_is_not_sent_again(make: Any, here: Hub) -> None:
    here.fake.fault("POST", NOTES, make(stored=True))
    taken = here.talk().take(NOTE)
    assert (posts(here), len(here.fake.issue_comments)) == (1, 1)
    assert taken.url.endswith(f"#issuecomment-{here.fake.issue_comments[0].id}")
    assert here.clock.waits == [1]


@pytest.mark.parametrize("make", UNCLEAR.values(), ids=UNCLEAR)
def test_a_write_that_was_not_stored_is_sent_once_more(make: Any, here: Hub) -> None:
    here.fake.fault("POST", NOTES, make(stored=False))
    here.talk().take(NOTE)
    assert (posts(here), len(here.fake.issue_comments)) == (2, 1)
    assert here.clock.waits == [1, 3, 1]


def test_a_write_is_sent_twice_at_most(here: Hub) -> None:
    here.fake.fault("POST", NOTES, faults.bad_gateway(), times=99)
    with pytest.raises(Unreachable, match="502"):
        here.talk().take(NOTE)
    assert posts(here) == 2


def test_a_write_that_was_stored_late_for_lists(here: Hub) -> None:
    here.fake.fault("POST", NOTES, faults.bad_gateway(stored=True))
    late = lambda: setattr(here.fake.issue_comments[0], "lag", 1)  # noqa: E731
    here.fake.after("POST", NOTES, late)
    here.talk().take(NOTE)
    assert (posts(here), len(here.fake.issue_comments)) == (1, 1)
    assert here.clock.waits == [1, 3]


def test_a_write_that_was_done_with_an_answer_like_noise(here: Hub) -> None:
    here.fake.fault("POST", NOTES, faults.bad_json(stored=True))
    here.talk().take(NOTE)
    assert posts(here) == 1


def test_success_without_a_trace_is_not_tried_again(here: Hub) -> None:
    """It says that it was done: a second attempt might be one too many."""
    here.fake.fault("POST", NOTES, faults.answer(201, {"id": None}))
    with pytest.raises(Unreachable, match="cannot be read"):
        here.talk().take(NOTE)
    assert posts(here) == 1


def test_a_redirect_that_keeps_the_method_is_no_success(here: Hub) -> None:
    here.fake.fault("POST", NOTES, faults.redirect(f"{here.fake.api_url}/x"))
    here.talk().take(NOTE)
    assert (posts(here), len(here.fake.issue_comments)) == (2, 1)


LIMITS = {
    "secondary 403": (faults.secondary_limit(30), [30]),
    "secondary 429": (faults.secondary_limit(30, 429), [30]),
    "secondary without a time": (faults.secondary_limit(None), [60]),
    "429 without a time": (faults.error(429, "slow down"), [60]),
    "abuse": (faults.abuse(), [60]),
    "primary": (faults.primary_limit(100), [101]),
}


@pytest.mark.parametrize(("fault", "waits"), LIMITS.values(), ids=LIMITS)
def test_limits_are_waited_for(fault: Fault, waits: list[int], here: Hub) -> None:
    here.fake.fault("POST", NOTES, fault)
    here.talk().take(NOTE)
    assert len(here.fake.issue_comments) == 1
    assert abs(here.clock.waits[0] - waits[0]) <= 1
    assert len(here.clock.waits) == 1


def test_limits_of_reads_are_waited_for(here: Hub) -> None:
    told = here.talk()
    here.fake.fault("POST", "/graphql", faults.secondary_limit(30))
    assert told.past().head == here.head
    assert here.clock.waits == [30]


@pytest.mark.parametrize(
    "fault", [faults.secondary_limit(3600), faults.primary_limit(3000)], ids=["3600", "3000"]
)
def test_a_limit_beyond_our_patience(fault: Fault, here: Hub) -> None:
    here.fake.fault("POST", NOTES, fault)
    with pytest.raises(Unreachable, match=r"wants a wait of 3,\d\d\d s, more than the 600 s"):
        here.talk().take(NOTE)
    assert (here.clock.slept, here.fake.issue_comments) == ([], [])


def test_patience_is_one_sum(here: Hub) -> None:
    told = here.talk(patience=50)
    here.fake.fault("POST", NOTES, faults.secondary_limit(30), times=99)
    with pytest.raises(Unreachable, match="wants a wait of 3"):
        told.take(NOTE)
    assert here.clock.waits == [30]


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (faults.unauthorized(), Refused, "401: Bad credentials"),
        (faults.forbidden(), Refused, "Resource not accessible by integration"),
        (faults.not_found(), Refused, "404"),
        (faults.error(422, "Validation Failed"), Rejected, "422: Validation Failed"),
        (faults.error(406, "too large"), Rejected, "406"),
        (faults.error(413, "Payload"), Rejected, "413"),
        (faults.answer(422, ["x"]), Rejected, "422: x"),
        (faults.answer(422, "x"), Rejected, "422: x"),
        (faults.answer(403, 3), Refused, "403"),
        (faults.answer(403, b"<html>"), Refused, "403"),
    ],
)
def test_what_is_final(fault: Fault, kind: type[ForgeError], words: str, here: Hub) -> None:
    here.fake.fault("POST", NOTES, fault)
    with pytest.raises(kind, match=words):
        here.talk().take(NOTE)
    assert (posts(here), here.clock.slept) == (1, [])


GRAPHQL = [
    ({"type": "NOT_FOUND", "message": "Could not resolve"}, Refused, 1),
    ({"type": "FORBIDDEN", "message": "Resource not accessible"}, Refused, 1),
    ({"type": "INSUFFICIENT_SCOPES", "message": "x"}, Refused, 1),
    ({"message": "Field 'x' doesn't exist"}, Rejected, 1),
    ({"message": "Something went wrong while executing your query."}, Unreachable, 5),
    ({"type": "RATE_LIMITED", "message": "API rate limit exceeded"}, Unreachable, 4),
]


@pytest.mark.parametrize(("error", "kind", "requests"), GRAPHQL)
def test_errors_of_graphql(error: Any, kind: Any, requests: int, here: Hub) -> None:
    told = here.talk()
    fault = faults.answer(200, {"data": None, "errors": [error]})
    here.fake.fault("POST", "/graphql", fault, times=99)
    with pytest.raises(kind):
        told.past()
    assert sum(request.path == "/graphql" for request in here.fake.requests) == requests


@pytest.mark.parametrize("body", [None, [], 3, {}, {"data": {}}, {"data": {"repository": None}}])
def test_answers_of_another_shape(body: Any, here: Hub) -> None:
    told = here.talk()
    here.fake.fault("POST", "/graphql", faults.answer(200, body), times=99)
    with pytest.raises(Unreachable):
        told.past()


def test_writes_are_a_second_apart(here: Hub) -> None:
    told = here.talk()
    told.take(NOTE)
    told.take(PutNote("more", "x"))
    told.past()
    assert here.clock.slept == [1.0]


def test_by_the_clock_of_the_server() -> None:
    headers = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "1767225660",
        "date": "Thu, 01 Jan 2026 00:00:00 GMT",
    }
    with pytest.raises(Limited) as caught:
        accepted(Answer(403, headers, "{}"))
    assert caught.value.seconds == 61
    later = {"retry-after": "Thu, 01 Jan 2026 00:02:00 GMT", "date": headers["date"]}
    with pytest.raises(Limited) as caught:
        accepted(Answer(429, later, "{}"))
    assert caught.value.seconds == 120


@pytest.mark.parametrize("value", ["-1", "soon", "9" * 400, "0x1", "٣", "", "1.5"])
def test_times_that_are_none(value: str) -> None:
    headers = {"retry-after": value, "x-ratelimit-remaining": "0", "x-ratelimit-reset": value}
    with pytest.raises(Limited) as caught:
        accepted(Answer(429, headers, "{}"))
    assert caught.value.seconds is None


def test_the_servers_words_are_inert() -> None:
    text = json.dumps({"message": "x\n::error::y \x1b[31m" + "z" * 999, "errors": [{"code": "c"}]})
    with pytest.raises(Rejected) as caught:
        accepted(Answer(422, {}, text))
    words = str(caught.value)
    assert "\n" not in words
    assert "::" not in words
    assert "\x1b" not in words
    assert len(words) < 400


@pytest.mark.parametrize("depth", [10, 100_000])
def test_answers_as_deep_as_one_likes(depth: int) -> None:
    with pytest.raises(Rejected, match="422"):
        accepted(Answer(422, {}, "[" * depth + "]" * depth))


class Endless(http.server.BaseHTTPRequestHandler):
    """Answers 202 for ever; /drip sends a byte now and then; /away leads to another host."""

    def do_GET(self) -> None:
        if self.path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            while not self.server.__dict__["ended"].wait(0.05):
                self.wfile.write(b" ")
        else:
            self.send_response(301 if self.path == "/away" else 202)
            self.send_header("Location", "http://localhost:1/secret-place")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def endless() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    server.__dict__["ended"] = ended = threading.Event()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    ended.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/drip", "/accepted"])
def test_an_answer_that_never_ends(path: str, endless: str) -> None:
    clock = Clock()
    calls = Calls("t", endless, deadline=0.2, sleep=clock.sleep, clock=clock)
    with pytest.raises(Unreachable, match="did not answer in time"):
        calls.read(path, object)
    assert clock.waits == [1, 2, 4, 8]


def test_silence(here: Hub) -> None:
    calls = Calls("ghs_test", here.fake.api_url, timeout=1, sleep=here.clock.sleep)
    here.fake.fault("GET", "*", faults.hang())
    assert calls.read("/repos/o/r", object)
    assert here.clock.waits == [1]


def test_a_redirect_to_another_host(endless: str, capfd: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with pytest.raises(Unreachable, match="leads elsewhere") as caught:
        Calls("t", endless, sleep=clock.sleep, clock=clock).read("/away", object)
    assert "secret-place" not in str(caught.value) + "".join(capfd.readouterr())


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    clock = Clock()
    with pytest.raises(Unreachable, match="connection to GitHub failed"):
        Calls("t", address, sleep=clock.sleep, clock=clock).read("/x", object)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ümlaut", "x" * 5000])
def test_tokens_that_are_none(token: str) -> None:
    with pytest.raises(InputError, match="token") as caught:
        Calls(token)
    assert not token or token not in str(caught.value) + caught.value.tip


@pytest.mark.parametrize("api", ["", "api.github.com", "ftp://x", "http://", "file:///etc"])
def test_addresses_that_are_none(api: str) -> None:
    with pytest.raises(InputError, match="GITHUB_API_URL"):
        Calls("t", api)


def test_the_token_is_shown_nowhere(
    here: Hub, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = here.fake.add_token("ghs_" + "s3cret" * 6)
    for fault in (*READ_FAULTS.values(), faults.forbidden(), faults.error(422, secret[:4])):
        here.fake.fault("GET", "/repos/o/r", fault, times=5)
        calls = Calls(secret, here.fake.api_url, sleep=here.clock.sleep)
        with pytest.raises(ForgeError) as caught:
            calls.read("/repos/o/r", object)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        assert secret not in repr(calls) + str(caught.value)
    assert secret not in "".join(capfd.readouterr()) + caplog.text


def test_checks_of_pygithub_are_not_switched_off() -> None:
    """Under -O its host check is gone, and the token would follow the address of an answer."""
    code = "from reviewer.forges._github_calls import Calls; Calls('t')"
    done = subprocess.run(
        [sys.executable, "-O", "-c", code], capture_output=True, text=True, check=False
    )
    assert "Python runs with -O" in done.stderr
