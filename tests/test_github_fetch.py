"""Which change is read on GitHub, from where its objects come, and where the token goes."""

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewer.errors import InputError
from reviewer.forges.github import GitHub
from reviewer.forges.local import Local
from reviewer.model import ChangeSet, Request, Trust
from tests.fakes import _github_faults as faults
from tests.support.gitrepo import git
from tests.support.hub import PATH, Hub, event, hub

pytestmark = pytest.mark.slow

FORK = "stranger/r"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Hub]:
    with hub(tmp_path / "hub") as made:
        yield made


def api(here: Hub) -> list[str]:
    """Paths of the API that were asked for."""
    return [r.path.split("...")[0] for r in here.fake.requests if ".git/" not in r.path]


def fetches(here: Hub) -> int:
    return sum(r.path.endswith("/info/refs") for r in here.fake.requests)


def read(forge: GitHub) -> tuple[Request, ChangeSet]:
    request = forge.request({})
    return request, forge.changes(request).changes


def added(changes: ChangeSet) -> dict[str, list[int]]:
    return {change.path: sorted(change.added) for change in changes.files}


def right(here: Hub, forge: GitHub) -> Request:
    """The request, once the change was found to be that of the head and not of the merge."""
    request, changes = read(forge)
    assert (request.base, request.head, request.target) == (here.base, here.head, here.target)
    assert added(changes) == {"app.py": [20]}
    return request


def test_without_a_checkout(here: Hub) -> None:
    request = right(here, here.forge())
    assert (request.forge, request.repository, request.number) == ("github", "o/r", 1)
    assert request.trust is Trust.TRUSTED
    assert (api(here), fetches(here)) == ([f"/repos/o/r/compare/{here.target}"], 1)


def test_a_shallow_checkout_of_the_merge(here: Hub) -> None:
    """The very line that is 20 in the head is 23 in the files of the checkout."""
    workspace = here.checkout()
    assert (workspace / "app.py").read_text("utf-8").split("\n")[22] == "added = call()"
    right(here, here.forge(here.environ(GITHUB_WORKSPACE=str(workspace))))
    assert (len(api(here)), fetches(here)) == (1, 1)


def test_a_checkout_with_its_history_is_enough(here: Hub) -> None:
    workspace = here.checkout("--update-shallow")
    environ = here.environ(GITHUB_WORKSPACE=str(workspace), GITHUB_TOKEN="")
    right(here, here.forge(environ))
    assert here.fake.requests == []


def test_a_checkout_of_the_head_alone(here: Hub) -> None:
    workspace = here.checkout(ref="refs/pull/1/head")
    right(here, here.forge(here.environ(GITHUB_WORKSPACE=str(workspace))))
    assert (len(api(here)), fetches(here)) == (1, 1)


def test_a_checkout_without_files(here: Hub) -> None:
    """`filter: blob:none` promises objects that git would have to fetch by itself."""
    git(here.folder, "config", "uploadpack.allowFilter", "true")
    workspace = here.place / "workspace"
    source = f"file://{here.folder}"
    git(here.place, "clone", "-q", "--no-checkout", "--filter=blob:none", source, str(workspace))
    right(here, here.forge(here.environ(GITHUB_WORKSPACE=str(workspace))))
    assert (len(api(here)), fetches(here)) == (1, 1)


def test_a_folder_that_is_no_checkout(here: Hub, tmp_path: Path) -> None:
    right(here, here.forge(here.environ(GITHUB_WORKSPACE=str(tmp_path / "none"))))


def test_nothing_of_the_checkout_is_written_or_run(here: Hub, tmp_path: Path) -> None:
    workspace = here.checkout()
    canary = tmp_path / "canary"
    for name in ("core.fsmonitor", "core.sshCommand", "core.pager", "uploadpack.packObjectsHook",
                 "core.alternateRefsCommand", "credential.helper", "http.proxy"):  # fmt: skip
        git(workspace, "config", name, f"touch {canary};")
    before = listing(workspace)
    right(here, here.forge(here.environ(GITHUB_WORKSPACE=str(workspace))))
    assert not canary.exists()
    assert listing(workspace) == before


def listing(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("name", ["pull_request_target", "workflow_dispatch", "workflow_run"])
def test_a_token_that_may_write_meets_nothing_of_the_checkout(name: str, here: Hub) -> None:
    here.fake.pulls[1].head_repo = FORK
    workspace = here.checkout("--update-shallow")
    here.say(
        {
            "pull_request_target": here.payload(),
            "workflow_dispatch": event("workflow_dispatch"),
            "workflow_run": triggered(here),
        }[name]
    )
    environ = here.environ(name, GITHUB_WORKSPACE=str(workspace), **{"INPUT_PR-NUMBER": "1"})
    forge = here.forge(environ)
    assert right(here, forge).trust is Trust.UNTRUSTED
    assert fetches(here) == 1
    assert not (forge.repository_folder / ".git" / "objects" / "info" / "alternates").exists()


def triggered(here: Hub, **changes: Any) -> dict[str, Any]:
    """The end of a workflow that ran for pull request 1."""
    pull = here.fake.pulls[1]
    usual = {
        "workflow_run__event": "pull_request",
        "workflow_run__head_sha": pull.head_sha,
        "workflow_run__head_branch": pull.head_ref,
        "workflow_run__head_repository": {"full_name": pull.head_repo},
    }
    return event("workflow_run", **{**usual, **changes})


def test_by_hand(here: Hub) -> None:
    here.say(event("workflow_dispatch"))
    forge = here.forge(here.environ("workflow_dispatch", **{"INPUT_PR-NUMBER": "1"}))
    assert forge.occasion.title == "A change"
    assert right(here, forge).trust is Trust.TRUSTED
    assert api(here) == ["/repos/o/r/pulls/1", f"/repos/o/r/compare/{here.target}"]


def test_by_hand_for_none(here: Hub) -> None:
    here.say(event("workflow_dispatch"))
    forge = here.forge(here.environ("workflow_dispatch", **{"INPUT_PR-NUMBER": "9"}))
    with pytest.raises(InputError, match=r"pull request cannot be read: .*404") as caught:
        forge.request({})
    assert "pull-requests: read" in caught.value.tip


def test_by_hand_for_a_closed_one(here: Hub) -> None:
    here.say(event("workflow_dispatch"))
    here.fake.close(1)
    forge = here.forge(here.environ("workflow_dispatch", **{"INPUT_PR-NUMBER": "1"}))
    assert forge.asked.idle == "the pull request is closed"


@pytest.mark.parametrize("source", ["o/r", FORK])
def test_after_another_workflow(source: str, here: Hub) -> None:
    here.fake.pulls[1].head_repo = source
    here.say(triggered(here))
    request = right(here, here.forge(here.environ("workflow_run")))
    assert request.number == 1
    assert request.trust is (Trust.TRUSTED if source == "o/r" else Trust.UNTRUSTED)


@pytest.mark.parametrize(
    "changes",
    [
        {"workflow_run__head_sha": "0" * 40},
        {"workflow_run__head_repository": {"full_name": "stranger/r"}},
        {"workflow_run__head_branch": "other"},
    ],
)
def test_after_another_workflow_whose_head_is_past(changes: dict[str, Any], here: Hub) -> None:
    here.say(triggered(here, **changes))
    forge = here.forge(here.environ("workflow_run"))
    assert "newer head" in forge.asked.idle
    with pytest.raises(InputError, match="newer head"):
        forge.request({})


def test_merge_queue(here: Hub) -> None:
    payload = event(
        "merge_group", merge_group__base_sha=here.target, merge_group__head_sha=here.head
    )
    here.say(payload)
    request = right(here, here.forge(here.environ("merge_group")))
    assert request.number == 0


def test_a_deleted_fork(here: Hub) -> None:
    here.fake.pulls[1].head_repo = None
    here.say(here.payload())
    assert right(here, here.forge()).trust is Trust.UNTRUSTED


def not_our_ref() -> faults.Fault:
    """git's word for an id that it does not give (gitprotocol-pack(5), "ERR")."""
    words = b"ERR upload-pack: not our ref"
    kind = {"Content-Type": "application/x-git-upload-pack-result"}
    reply = faults.Reply(200, b"%04x%s" % (len(words) + 4, words), kind)
    return faults.Fault("not our ref", lambda _: reply)


def test_a_head_that_is_not_given_by_its_id(here: Hub) -> None:
    workspace = here.checkout("--update-shallow", ref="refs/heads/main")
    here.fake.fault("POST", "*/git-upload-pack", not_our_ref(), times=2)
    right(here, here.forge(here.environ(GITHUB_WORKSPACE=str(workspace))))


def test_a_head_that_is_gone_is_superseded(here: Hub) -> None:
    workspace = here.checkout("--update-shallow", ref="refs/heads/main")
    environ = here.environ(GITHUB_WORKSPACE=str(workspace))
    here.fake.push(1, here.target)
    here.fake.fault("POST", "*/git-upload-pack", not_our_ref(), times=2)
    with pytest.raises(InputError, match=rf"{here.head[:12]} is superseded: .* newer head"):
        here.forge(environ).request({})


def test_a_base_that_is_gone(here: Hub) -> None:
    here.say(here.payload())
    here.fake.fault("POST", "*/git-upload-pack", not_our_ref(), times=2)
    with pytest.raises(InputError, match="not our ref") as caught:
        here.forge().request({})
    assert caught.value.tip == "run the workflow again"


def test_a_head_that_github_has_never_seen(here: Hub) -> None:
    here.say(here.payload(pull_request__head__sha="0" * 40))
    with pytest.raises(InputError, match="merge base cannot be told"):
        here.forge().request({})


def test_objects_are_fetched_again_after_a_failure(here: Hub) -> None:
    here.fake.fault("POST", "*/git-upload-pack", faults.server_error(), times=2)
    right(here, here.forge())
    assert here.clock.waits == [1, 2]


def test_objects_that_cannot_be_fetched(here: Hub) -> None:
    here.fake.fault("GET", "*/info/refs", faults.server_error(), times=99)
    with pytest.raises(InputError, match="git cannot fetch from") as caught:
        here.forge().request({})
    assert "fetch-depth: 0" in caught.value.tip


def test_a_token_that_may_not_read(tmp_path: Path) -> None:
    with hub(tmp_path / "hub", private=True, permissions={"contents": "none"}) as here:
        with pytest.raises(InputError, match="merge base cannot be told") as caught:
            here.forge().request({})
        assert "contents: read" in caught.value.tip
        here.fake.fault("GET", "*/compare/*", compared(here))
        with pytest.raises(InputError, match="git cannot fetch") as caught:
            here.forge().request({})
        assert "contents: read" in caught.value.tip


def compared(here: Hub) -> faults.Fault:
    return faults.answer(200, {"merge_base_commit": {"sha": here.base}})


def test_a_private_repository(tmp_path: Path) -> None:
    with hub(tmp_path / "hub", private=True) as here:
        right(here, here.forge())


def test_an_enterprise_server(tmp_path: Path) -> None:
    with hub(tmp_path / "hub", prefix="/api/v3") as here:
        forge = here.forge()
        request = right(here, forge)
        assert forge.conversation(request).past().head == here.head
        assert here.fake.requests[-1].path == "/graphql"


def test_counts_that_differ_are_said(here: Hub) -> None:
    forge = here.forge()
    _, changes = read(forge)
    assert forge.notes(changes) == ()
    here.say(here.payload(pull_request__changed_files=3000))
    [note] = here.forge().notes(changes)
    assert "3,000 changed files and git 1" in note


def test_a_review_can_work_on_what_was_fetched(here: Hub, tmp_path: Path) -> None:
    forge = here.forge()
    request = forge.request({})
    scratch = tmp_path / "again"
    scratch.mkdir()
    local = Local(folder=forge.repository_folder, scratch=scratch, git_path=PATH, asked=request)
    source = local.changes(local.request({}))
    assert added(source.changes) == {"app.py": [20]}
    [change] = source.changes.files
    assert b"added = call()" in (next(source.blobs.read([change.new_oid])) or b"")
    assert local.repository.at(local.trusted_ref, "app.py").startswith(b"# one\n")


def test_a_scratch_folder_inside_of_a_checkout(here: Hub) -> None:
    """Temporary files may lie below the workspace: that one must not be taken for ours."""
    git(here.place, "init", "-q")
    forge = here.forge()
    right(here, forge)
    assert forge.repository_folder.is_relative_to(forge.scratch)
    assert (forge.repository_folder / ".git" / "HEAD").is_file()


def test_the_token_is_in_no_argument_and_no_file(here: Hub, tmp_path: Path) -> None:
    secret = here.fake.add_token("ghs_" + "s3cret" * 6)
    log = tmp_path / "calls"
    programs = tmp_path / "bin"
    programs.mkdir()
    shim = programs / "git"
    real = shutil.which("git", path=PATH)
    shim.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {log}\nexec {real} "$@"\n')
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environ = {**here.environ(), "GITHUB_TOKEN": secret}
    forge = GitHub(
        environ=environ, scratch=scratch, git_path=f"{programs}{os.pathsep}{PATH}", token=secret
    )
    right(here, forge)
    assert "fetch" in log.read_text()
    assert secret not in log.read_text() + repr(forge) + repr(forge._store)
    for path in scratch.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_the_token_goes_to_no_other_server(here: Hub, tmp_path: Path) -> None:
    with hub(tmp_path / "other") as other:
        here.fake.fault(
            "GET", "*/info/refs", faults.redirect(f"{other.fake.url}/o/r.git/info/refs", 302)
        )
        with pytest.raises(InputError):
            forge = here.forge()
            forge._fetch(here.head)
            raise InputError("followed")
        assert other.fake.requests == []


@pytest.mark.parametrize("server", ["file:///etc", "ext::sh -c x", "ssh://x", "github.com"])
def test_only_the_web_is_fetched_from(server: str, here: Hub) -> None:
    environ = here.environ(GITHUB_SERVER_URL=server)
    with pytest.raises(InputError, match="GITHUB_SERVER_URL"):
        here.forge(environ).request({})


@pytest.mark.parametrize("path", ["", "/nonexistent/event.json", "/"])
def test_an_event_file_that_is_not_there(path: str, here: Hub) -> None:
    with pytest.raises(InputError, match="event file"):
        here.forge(here.environ(GITHUB_EVENT_PATH=path)).request({})


def test_an_event_that_is_rubbish(here: Hub) -> None:
    environ = here.environ()
    Path(environ["GITHUB_EVENT_PATH"]).write_text(json.dumps([1]))
    with pytest.raises(InputError, match="event file"):
        here.forge(environ).request({})


def test_no_token_is_needed_before_the_api_is(here: Hub) -> None:
    forge = here.forge({**here.environ(), "GITHUB_TOKEN": ""})
    assert forge.occasion.title == "A change"
    with pytest.raises(InputError, match="there is no token"):
        forge.request({})
