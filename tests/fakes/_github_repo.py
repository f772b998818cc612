"""The REST operations of the fake of GitHub on commits, files, checks, statuses and SARIF."""

import base64
import binascii
import gzip
import json
import uuid
from typing import Any

from tests.fakes._github_contract import shape
from tests.fakes._github_rest import Call, Result, route
from tests.fakes._github_state import Check, Refusal, Sarif, Status, invalid

REPO = "/repos/{owner}/{repo}"
CHECK = REPO + "/check-runs/{check_run_id}"


def _commit(call: Call, ref: str) -> str:
    sha = call.state.git.sha(ref)
    if sha is None:
        raise Refusal(422, f"No commit found for SHA: {ref}")
    return sha


@route("GET", REPO + "/commits/{ref}", "contents")
def get_commit(call: Call) -> Result:
    commit = call.state.git.commit(_commit(call, call.params["ref"]))
    return 200, call.shapes.commit(commit)


@route("GET", REPO + "/compare/{basehead}", "contents")
def compare(call: Call) -> Result:
    git = call.state.git
    names = call.params["basehead"].split("...")
    base, head = [git.sha(name.rpartition(":")[2]) for name in names]
    merge = git.merge_base(base, head) if base and head else None
    if not base or not head or not merge:
        raise Refusal(404, "Not Found")
    ahead, behind = git.commits(base, head), git.commits(head, base)
    words = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    show, first = call.shapes.commit, call.query.get("page", "1") == "1"
    files = git.files(merge, head)[:300] if first else ()
    known = {
        "url": f"{call.shapes.repo}/compare/{call.params['basehead']}",
        "base_commit": show(git.commit(base)),
        "merge_base_commit": show(git.commit(merge)),
        "status": words.get((bool(ahead), bool(behind)), "identical"),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": call.listed(ahead[:250], show)[1],
        "files": [call.shapes.file(file, head) for file in files],
    }
    return 200, shape("commit-comparison", call.shapes.base, known)


@route("GET", REPO + "/contents/{path}", "contents")
def get_contents(call: Call) -> Result:
    git, path = call.state.git, call.params["path"].rstrip("/")
    commit = git.sha(call.query.get("ref", "main"))
    if commit is None:
        raise Refusal(404, "No commit found for the ref " + call.query.get("ref", "main"))
    rows = git.run("--literal-pathspecs", "ls-tree", "-z", "-l", commit, "--", path)
    if not rows:
        raise Refusal(404, "Not Found")
    mode, kind, sha, size = rows.split(b"\t")[0].decode().split()
    if kind == "tree":
        under = git.run("ls-tree", "-z", "-l", f"{commit}:{path}").split(b"\0")
        return 200, [_entry(call, row, path) for row in under if row]
    if kind == "commit" or mode == "120000":
        raise Refusal(404, "Not Found")
    data = git.run("cat-file", "blob", sha)
    if "raw" in call.accept:
        return 200, data
    small = int(size) <= 1 << 20
    known = {
        **_named(call, path, sha, int(size), "file"),
        "encoding": "base64" if small else "none",
        "content": base64.encodebytes(data).decode() if small else "",
    }
    return 200, shape("content-file", call.shapes.base, known)


def _entry(call: Call, row: bytes, folder: str) -> Any:
    facts, _, name = row.partition(b"\t")
    _, kind, sha, size = facts.decode().split()
    path = f"{folder}/{name.decode('utf-8', 'replace')}"
    words = {"tree": "dir", "commit": "submodule"}
    number = int(size) if size.isdigit() else 0
    return {
        **_named(call, path, sha, number, words.get(kind, "file")),
        "git_url": None, "html_url": None, "download_url": None,
        "_links": {"self": call.shapes.base, "git": None, "html": None},
    }  # fmt: skip


def _named(call: Call, path: str, sha: str, size: int, kind: str) -> dict[str, Any]:
    return {
        "type": kind, "name": path.rpartition("/")[2], "path": path, "sha": sha, "size": size,
        "url": f"{call.shapes.repo}/contents/{path}",
    }  # fmt: skip


@route("GET", REPO + "/collaborators/{username}/permission", "metadata")
def get_permission(call: Call) -> Result:
    account = call.state.account(call.params["username"])
    known = {
        "permission": "write" if account.login == call.state.owner else "read",
        "role_name": "write" if account.login == call.state.owner else "read",
        "user": None,
    }
    return 200, shape("repository-collaborator-permission", call.shapes.base, known)


@route("POST", REPO + "/check-runs", "checks")
def create_check(call: Call) -> Result:
    if not call.token.integration:
        raise Refusal(403, "You must authenticate via a GitHub App.")
    wish = call.json
    check = Check(next(call.state.ids), wish["name"], _commit(call, wish["head_sha"]))
    _apply(check, {"status": "queued", **wish})
    check.account = call.user
    call.state.checks.append(check)
    return 201, call.shapes.check(call.written(check))


@route("PATCH", CHECK, "checks")
def update_check(call: Call) -> Result:
    check = call.state.find(call.state.checks, call.params["check_run_id"])
    if check.account != call.user:
        raise Refusal(403, f"Invalid app_id `{call.user.id}` - check run can only be modified by "
                      "the GitHub App that created it.")  # fmt: skip
    _apply(check, call.json)
    return 200, call.shapes.check(check)


def _apply(check: Check, wish: Any) -> None:
    output = wish.get("output", {})
    notes = output.get("annotations", [])
    for note in notes:
        _check_note(note)
    for key in ("title", "summary", "text"):
        setattr(check, key, output.get(key, getattr(check, key)))
    for key in "name status conclusion started_at completed_at external_id details_url".split():
        setattr(check, key, wish.get(key, getattr(check, key)))
    if check.conclusion:
        check.status = "completed"
    check.annotations += notes


def _check_note(note: Any) -> None:
    if note["start_line"] > note["end_line"] or note["start_line"] < 1:
        raise invalid("CheckRun", "annotations", "end_line must not be before start_line")
    if note["start_line"] != note["end_line"] and note.keys() & {"start_column", "end_column"}:
        raise invalid("CheckRun", "annotations", "columns need start_line and end_line to be equal")
    for key, most in (("message", 64 << 10), ("raw_details", 64 << 10), ("title", 255)):
        text = note.get(key) or ""
        size = len(text) if key == "title" else len(text.encode())
        if size > most:
            raise invalid("CheckRun", "annotations", f"{key} is too long (maximum is {most})")


@route("GET", CHECK, "checks")
def get_check(call: Call) -> Result:
    return 200, call.shapes.check(call.state.find(call.state.checks, call.params["check_run_id"]))


@route("GET", CHECK + "/annotations", "checks")
def list_annotations(call: Call) -> Result:
    check = call.state.find(call.state.checks, call.params["check_run_id"])
    filler = dict.fromkeys("start_column end_column title raw_details".split())
    rows = [{**filler, **note} for note in check.annotations]
    return call.listed(rows, lambda note: call.shapes.annotation(note, check.head_sha))


@route("GET", REPO + "/commits/{ref}/check-runs", "checks")
def list_checks(call: Call) -> Result:
    sha = _commit(call, call.params["ref"])
    found = [
        check
        for check in call.state.checks
        if check.head_sha == sha
        if call.query.get("check_name", check.name) == check.name
        if call.query.get("status", check.status) == check.status
    ]
    found = call.state.settled(found)
    if call.query.get("filter", "latest") == "latest":
        found = list({check.name: check for check in found}.values())
    rows = call.listed(reversed(found), call.shapes.check)[1]
    return 200, {"total_count": len(found), "check_runs": rows}


@route("POST", REPO + "/statuses/{sha}", "statuses")
def create_status(call: Call) -> Result:
    wish, sha = call.json, _commit(call, call.params["sha"])
    description = wish.get("description")
    if len(description or "") > 140:
        raise invalid(
            "Status", "description", "description is too long (maximum is 140 characters)"
        )
    status = Status(
        next(call.state.ids), sha, wish["state"], wish.get("context", "default"),
        description, wish.get("target_url"), call.user,
    )  # fmt: skip
    call.state.statuses.append(status)
    return 201, call.shapes.status(status)


@route("GET", REPO + "/commits/{ref}/status", "statuses")
def get_statuses(call: Call) -> Result:
    sha = _commit(call, call.params["ref"])
    latest = {status.context: status for status in call.state.statuses if status.sha == sha}
    states = {status.state for status in latest.values()}
    failed, waits = states & {"error", "failure"}, "pending" in states or not states
    known = {
        "state": "failure" if failed else "pending" if waits else "success",
        "sha": sha,
        "total_count": len(latest),
        "statuses": call.listed(list(latest.values()), call.shapes.status)[1],
        "repository": call.shapes.repository("minimal-repository"),
    }
    return 200, shape("combined-commit-status", call.shapes.base, known)


@route("POST", REPO + "/code-scanning/sarifs", "security-events")
def upload_sarif(call: Call) -> Result:
    if not call.state.code_scanning:
        raise Refusal(403, "Advanced Security must be enabled for this repository to use code "
                      "scanning.")  # fmt: skip
    try:
        packed = base64.b64decode(call.json["sarif"], validate=True)
        document = json.loads(gzip.decompress(packed))
    except (binascii.Error, OSError, EOFError, ValueError) as error:
        raise Refusal(400, f"Invalid SARIF: {error}") from error
    if len(packed) > 10 << 20:
        raise Refusal(413, "Payload Too Large")
    wish = call.json
    sarif = Sarif(str(uuid.uuid4()), _commit(call, wish["commit_sha"]), wish["ref"], document)
    call.state.sarifs.append(sarif)
    known = {"id": sarif.id, "url": f"{call.shapes.repo}/code-scanning/sarifs/{sarif.id}"}
    return 202, shape("code-scanning-sarifs-receipt", call.shapes.base, known)


@route("GET", REPO + "/code-scanning/sarifs/{sarif_id}", "security-events")
def get_sarif(call: Call) -> Result:
    call.state.find(call.state.sarifs, call.params["sarif_id"])
    known = {"processing_status": "complete"}
    return 200, shape("code-scanning-sarifs-status", call.shapes.base, known)
