"""What a job of GitLab CI is asked to review, and the change itself."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewer.errors import InputError, Refused
from reviewer.forges._gitlab_event import Asked, asked
from reviewer.forges.base import PutNote
from reviewer.model import Trust
from tests.fakes import _github_faults as faults
from tests.fakes._gitlab_state import Token
from tests.support.gitrepo import git
from tests.support.lab import Lab, lab

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "lab") as made:
        yield made


def branch(place: Lab, **more: str) -> dict[str, str]:
    """The variables of a pipeline of a branch."""
    ours = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "feature"}
    return {**place.fake.site(), **ours, "CI_COMMIT_SHA": place.head, **more}


def environs(place: Lab) -> dict[str, dict[str, str]]:
    return {
        "detached": place.fake.environ(),
        "merged_result": place.fake.environ(kind="merged_result"),
        "merge_train": place.fake.environ(kind="merge_train"),
        "branch": branch(place, CI_OPEN_MERGE_REQUESTS="group/project!1,group/project!9"),
        "by hand": branch(place, CI_COMMIT_BRANCH="main", INPUT_PR_NUMBER="1"),
        "by hand, as a local runner has it": branch(place, **{"INPUT_PR-NUMBER": "1"}),
    }


NAMES = ("detached", "merged_result", "merge_train", "branch", "by hand")


@pytest.mark.parametrize("name", [*NAMES, "by hand, as a local runner has it"])
@pytest.mark.parametrize("token", ["project", "job"])
def test_every_pipeline_reviews_the_head_of_its_merge_request(
    place: Lab, name: str, token: str
) -> None:
    forge = place.forge(environs(place)[name], **({"token": ""} if token == "job" else {}))
    request = forge.request({})
    assert (request.forge, request.repository, request.number) == ("gitlab", "group/project", 1)
    assert (request.base, request.head, request.target) == (place.base, place.head, place.target)
    assert request.trust is Trust.TRUSTED
    found = forge.changes(request).changes
    assert sorted(found.by_path) == ["after.py", "app.py", "fresh.py", "gone.py"]
    assert found.by_path["after.py"].old_path == "before.py"


def test_the_occasion_is_what_the_merge_request_says_of_itself(place: Lab) -> None:
    merge = place.fake.merge()
    merge.draft, merge.labels, merge.title = True, ["one", "two"], "Draft: mine"
    occasion = place.forge().occasion
    assert (occasion.draft, occasion.labels, occasion.title) == (
        True,
        ("one", "two"),
        "Draft: mine",
    )
    assert (occasion.author, occasion.branch) == ("dev", "feature")


@pytest.mark.parametrize("source", [6, None], ids=["fork", "deleted fork"])
def test_a_fork_is_not_trusted(place: Lab, source: int | None, tmp_path: Path) -> None:
    """Nothing of the checkout is used: another job may have left it behind."""
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", "--branch", "feature", str(place.folder), str(work))
    place.fake.merge().source_project = source
    fork = {"CI_PROJECT_ID": "6", "CI_PROJECT_PATH": "fork/project"}
    forge = place.forge(place.fake.environ(more={**fork, "CI_PROJECT_DIR": str(work)}))
    request = forge.request({})
    assert (request.trust, request.repository) == (Trust.UNTRUSTED, "group/project")
    assert request.head == place.head
    assert forge._store.borrowed is None


def test_a_branch_of_a_fork_finds_its_merge_request(place: Lab) -> None:
    environ = branch(
        place,
        CI_PROJECT_ID="6",
        CI_PROJECT_PATH="fork/project",
        CI_PROJECT_URL=f"{place.fake.url}/fork/project",
        CI_OPEN_MERGE_REQUESTS="group/project!1",
    )
    place.fake.merge().source_project = 6
    request = place.forge(environ).request({})
    assert (request.number, request.head, request.trust) == (1, place.head, Trust.UNTRUSTED)


def test_an_older_job_reviews_the_head_it_was_made_for(place: Lab) -> None:
    environ = place.fake.environ()
    place.fake.push(1, place.target)
    request = place.forge(environ).request({})
    assert (request.head, request.base) == (place.head, place.base)


def test_variables_do_where_the_token_may_not_read(place: Lab) -> None:
    place.fake.fault("GET", "*/merge_requests/1", faults.error(403, "403 Forbidden"), times=9)
    request = place.forge(token="").request({})
    assert (request.head, request.base) == (place.head, place.base)
    with pytest.raises(InputError, match="cannot be read: GitLab answered 403"):
        place.forge(branch(place, INPUT_PR_NUMBER="1"), token="").request({})


@pytest.mark.parametrize("state", ["closed", "merged", "locked"])
def test_there_is_nothing_to_do_for_a_merge_request_that_is_done(place: Lab, state: str) -> None:
    place.fake.merge().state = state
    assert place.forge().asked.idle == "the merge request is not open"


def test_a_branch_without_a_merge_request_is_idle(place: Lab) -> None:
    idle = place.forge(branch(place)).asked.idle
    assert idle == "there is no open merge request for this branch"
    with pytest.raises(InputError, match="no open merge request"):
        place.forge(branch(place)).request({})


SITE = {"CI_PROJECT_ID": "5", "CI_PROJECT_PATH": "g/p", "CI_PROJECT_URL": "https://h/g/p"}
PIPELINE = {
    **SITE,
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_PROJECT_ID": "5",
    "CI_MERGE_REQUEST_PROJECT_PATH": "g/p",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "5",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    "CI_COMMIT_SHA": "a" * 40,
    "CI_MERGE_REQUEST_DIFF_BASE_SHA": "b" * 40,
}


def test_variables_alone_tell_what_is_asked() -> None:
    found = asked(
        {
            **PIPELINE,
            "CI_MERGE_REQUEST_LABELS": "a,b",
            "CI_MERGE_REQUEST_DRAFT": "true",
            "CI_MERGE_REQUEST_TITLE": "t",
        }
    )
    assert found.whole and not found.fork and found.occasion.draft
    assert (found.head, found.base, found.target) == ("a" * 40, "b" * 40, "main")
    assert found.occasion.labels == ("a", "b")
    merged = asked({**PIPELINE, "CI_MERGE_REQUEST_EVENT_TYPE": "merged_result"})
    assert merged.head == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"CI_MERGE_REQUEST_IID": "0"},
        {"CI_MERGE_REQUEST_IID": "7; rm"},
        {"CI_MERGE_REQUEST_PROJECT_PATH": "../../etc"},
        {"CI_MERGE_REQUEST_PROJECT_PATH": "one"},
        {"CI_COMMIT_SHA": "--upload-pack=x"},
        {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD"},
        {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "a..b"},
        {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "a:refs/heads/b"},
        {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "a b"},
    ],
)
def test_variables_that_cannot_be_are_input_errors(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError):
        asked({**PIPELINE, **wrong})


@pytest.mark.parametrize(
    "environ",
    [
        {**SITE, "CI_PIPELINE_SOURCE": "schedule"},
        {**SITE, "INPUT_PR_NUMBER": "!3"},
        {**SITE, "CI_OPEN_MERGE_REQUESTS": "group/project"},
        {**SITE, "CI_OPEN_MERGE_REQUESTS": "../x!3"},
        {},
    ],
)
def test_jobs_without_a_merge_request_say_so(environ: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        asked(environ)
    assert caught.value.tip


def test_without_a_token_one_line_says_which_to_make(place: Lab) -> None:
    talk = place.forge(token="").conversation(place.request())
    for action in (talk.past, lambda: talk.take(PutNote("text", "text"))):
        with pytest.raises(Refused, match="project access token with the role Developer") as caught:
            action()
        assert "\n" not in str(caught.value) and "REVIEWER_TOKEN" in str(caught.value)
    assert place.fake.writes == []


def test_a_conversation_reads_the_change_that_it_was_not_given(place: Lab) -> None:
    talk: Any = place.forge().conversation(place.request())
    talk.take(place.review(place.comment("app.py", 5)))
    assert len(place.fake.diff_notes()) == 1


def test_a_review_of_another_merge_request_is_not_published_here(place: Lab) -> None:
    place.fake.open_merge(place.head)
    with pytest.raises(InputError, match="not about merge request !2"):
        place.forge(place.fake.environ(2)).conversation(place.request())


def test_the_checkout_of_a_job_is_borrowed_from(place: Lab, tmp_path: Path) -> None:
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", "--branch", "feature", str(place.folder), str(work))
    forge = place.forge(place.fake.environ(more={"CI_PROJECT_DIR": str(work)}))
    forge.changes(forge.request({}))
    fetched = [r for r in place.fake.requests if r.path.endswith("/git-upload-pack")]
    assert len(fetched) <= 2


def test_a_token_that_may_not_fetch_is_an_input_error(place: Lab) -> None:
    place.fake.fault("*", "*.git/*", faults.answer(403, b"no"), times=99)
    with pytest.raises(InputError, match="cannot fetch") as caught:
        place.forge().request({})
    assert "project access token" in caught.value.tip


def test_a_change_that_is_gone_is_an_input_error(place: Lab) -> None:
    environ = place.fake.environ(more={"CI_COMMIT_SHA": "e" * 40})
    with pytest.raises(InputError, match=r"not our ref|cannot fetch"):
        place.forge(environ).request({})


def test_a_certificate_of_ones_own_is_trusted(place: Lab, tmp_path: Path) -> None:
    """The API and git alike believe it, and nothing else."""
    certificate, key = tmp_path / "ca.crt", tmp_path / "ca.key"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split()
    name = ["-subj", "/CN=lab", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", *words, *name, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = place.fake._server
    server.socket = context.wrap_socket(server.socket, server_side=True)
    secure = {k: v.replace("http://", "https://") for k, v in place.fake.environ().items()}
    with pytest.raises(InputError, match="certificate is not trusted"):
        place.forge(secure).request({})
    trusting = place.forge({**secure, "CI_SERVER_TLS_CA_FILE": str(certificate)})
    assert trusting.request({}).head == place.head
    with pytest.raises(InputError, match="there is no file"):
        place.forge({**secure, "CI_SERVER_TLS_CA_FILE": "/none"}).request({})
    place.fake.violations.clear()  # of the handshake that we broke off


def test_a_site_below_a_path_is_spoken_to(place: Lab) -> None:
    environ = {**place.fake.environ(), "CI_API_V4_URL": "https://example.org/gitlab/api/v4"}
    client = place.forge(environ).calls._line.client
    assert client.url == "https://example.org/gitlab"
    assert client.api_url == "https://example.org/gitlab/api/v4"


def test_what_the_token_reads_is_trusted_over_the_variables(place: Lab) -> None:
    place.fake.add_token("other", Token(place.fake.bot))
    forge = place.forge(place.fake.environ(more={"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "none"}))
    found: Asked = forge.asked
    assert found.target == "main"
