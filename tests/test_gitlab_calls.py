"""Calls to GitLab: what is repeated, what is not, and where tokens go."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewer.errors import ForgeError, InputError, Refused, Rejected, Unreachable
from reviewer.forges import _gitlab_calls
from reviewer.forges._gitlab_answers import said
from reviewer.forges._gitlab_calls import Calls
from reviewer.forges._gitlab_event import Merge, User
from tests.fakes import _github_faults as faults
from tests.support.hub import Clock
from tests.support.lab import Lab, lab

pytestmark = pytest.mark.slow

MR = "/projects/5/merge_requests/1"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "lab") as made:
        yield made


def calls(place: Lab, **more: Any) -> Calls:
    given = {"sleep": place.clock.sleep, "clock": place.clock, "timeout": 5, **more}
    return Calls(given.pop("token", place.fake.token), place.fake.api_url, **given)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (faults.error(401, "401 Unauthorized"), Refused, "GitLab answered 401: 401 Unauthorized"),
        (faults.error(403, "403 Forbidden"), Refused, "403 Forbidden"),
        (faults.error(404, "404 Project Not Found"), Refused, "404 Project Not Found"),
        (faults.answer(400, {"message": {"note": ["is too long"]}}), Rejected, "note is too long"),
        (faults.answer(400, {"error": "body is missing"}), Rejected, "body is missing"),
        (faults.answer(422, b"<html>"), Rejected, "GitLab answered 422$"),
        (faults.server_error(), Unreachable, "GitLab answered 503"),
        (faults.bad_gateway(), Unreachable, "GitLab answered 502$"),
        (faults.reset(), Unreachable, "the connection to GitLab failed"),
        (faults.cut(), Unreachable, "broke off"),
        (faults.bad_json(), Unreachable, "cannot be read"),
        (faults.redirect("/api/v4/user"), Unreachable, "leads elsewhere"),
        (faults.answer(200, {"id": "one"}), Unreachable, "cannot be read"),
    ],
)
def test_what_went_wrong_is_told(
    place: Lab, fault: Any, kind: type[ForgeError], words: str
) -> None:
    place.fake.fault("GET", "/user", fault, times=99)
    with pytest.raises(kind, match=words):
        calls(place).read("/user", User)
    assert len(place.fake.requests) == (1 if kind in (Refused, Rejected) else 5)


@pytest.mark.parametrize("fault", [faults.bad_gateway(), faults.reset(), faults.cut()])
def test_a_read_is_repeated(place: Lab, fault: Any) -> None:
    place.fake.fault("GET", "/user", fault, times=3)
    assert calls(place).read("/user", User) == User(place.fake.bot.id, "project_5_bot")


def test_a_read_hangs_no_longer_than_allowed(place: Lab) -> None:
    place.fake.fault("GET", "/user", faults.hang(), times=9)
    with pytest.raises(Unreachable, match="did not answer in time"):
        calls(place, timeout=1, deadline=0.2).read("/user", User)


def test_a_write_nobody_looks_for_is_sent_twice_at_most(place: Lab) -> None:
    place.fake.fault("POST", "*/notes", faults.server_error(), times=9)
    with pytest.raises(Unreachable):
        calls(place).write("POST", f"{MR}/notes", {"body": "x"}, User, None)
    assert len(place.fake.writes) == 2


def test_a_list_is_read_to_its_end_but_not_for_ever(
    place: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        place.fake.comment(1, f"{number}")
    assert len(calls(place).pages(f"{MR}/discussions", dict)) == 100
    monkeypatch.setattr(_gitlab_calls, "PAGES", 1)
    with pytest.raises(Rejected, match="more than 100 entries"):
        calls(place).pages(f"{MR}/discussions", dict)


def test_a_jobs_token_has_a_header_of_its_own(place: Lab) -> None:
    job = calls(place, token=place.fake.job_token, job=True)
    assert job.read(MR, Merge).sha == place.head
    with pytest.raises(Refused, match="401"):
        job.read("/user", User)


def test_no_token_follows_a_redirect(place: Lab) -> None:
    """requests takes away no header but Authorization when it is led to another host."""
    heard = []

    class Thief(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(dict(self.headers))
            self.send_error(404)

    with http.server.HTTPServer(("127.0.0.1", 0), Thief) as thief:
        threading.Thread(target=thief.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{thief.server_port}/"
        place.fake.fault("GET", "/user", faults.redirect(url, 302), times=99)
        with pytest.raises(Unreachable):
            calls(place).read("/user", User)
        thief.shutdown()
    assert heard == []


@pytest.mark.parametrize("api", ["", "gitlab.com/api/v4", "file:///api/v4", "https://h/api/v3"])
def test_an_address_that_is_none_is_an_input_error(api: str) -> None:
    with pytest.raises(InputError, match="CI_API_V4_URL"):
        Calls("token", api, sleep=Clock().sleep)


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "x" * 2000])
def test_a_token_that_is_none_is_an_input_error(token: str) -> None:
    with pytest.raises(InputError, match="no token"):
        Calls(token, "https://gitlab.com/api/v4")


def test_the_token_is_in_no_representation(place: Lab) -> None:
    assert place.fake.token not in repr(calls(place))
    assert place.fake.token not in repr(place.forge())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"message": "no"}', "no"),
        ('{"message": {"base": ["a", "b"], "line_code": ["bad"]}}', "a; b; line_code bad"),
        ('{"error": "x", "error_description": "y"}', "x; error_description y"),
        ('["a", 1, null, {"b": {"c": "d"}}]', "a; b c d"),
        ("[" * 100_000, ""),
        ("\ud800", ""),
        ('{"message": "\\u001b[31mred\\n::error::x"}', "red⏎: :error: :x"),
    ],
)
def test_gitlabs_words_are_shown_on_one_line(text: str, words: str) -> None:
    assert said(text) == words
