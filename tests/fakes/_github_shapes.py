"""How the fake of GitHub shows what it remembers: REST answers, made complete by the contract."""

from dataclasses import dataclass
from typing import Any

from tests.fakes._github_contract import shape
from tests.fakes._github_git import Commit, File
from tests.fakes._github_state import (
    Account,
    Check,
    IssueComment,
    Pull,
    Review,
    ReviewComment,
    State,
    Status,
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Shapes:
    """`base` is the API's address as the client spells it, `site` that of the pages and of git."""

    state: State
    base: str
    site: str

    @property
    def repo(self) -> str:
        return f"{self.base}/repos/{self.state.full_name}"

    @property
    def page(self) -> str:
        return f"{self.site}/{self.state.full_name}"

    def user(self, account: Account) -> Json:
        known = {
            "login": account.login,
            "id": account.id,
            "node_id": f"U_{account.id}",
            "type": "Bot" if account.bot else "User",
            "url": f"{self.base}/users/{account.login}",
            "html_url": f"{self.site}/{account.login}",
        }
        return shape("simple-user", self.base, known)

    def repository(self, name: str = "full-repository", full_name: str = "") -> Json:
        own = not full_name or full_name == self.state.full_name
        full_name = full_name or self.state.full_name
        owner, _, short = full_name.partition("/")
        known = {
            "id": 1 if own else 2,
            "node_id": "R_1" if own else "R_2",
            "name": short,
            "full_name": full_name,
            "owner": self.user(Account(owner, 500 if own else 501)),
            "private": self.state.private,
            "fork": not own,
            "default_branch": "main",
            "url": f"{self.base}/repos/{full_name}",
            "html_url": f"{self.site}/{full_name}",
            "clone_url": f"{self.site}/{full_name}.git",
            "visibility": "private" if self.state.private else "public",
        }
        return shape(name, self.base, known)

    def pull(self, pull: Pull, name: str = "pull-request") -> Json:
        url, site = f"{self.repo}/pulls/{pull.number}", f"{self.page}/pull/{pull.number}"
        issue = f"{self.repo}/issues/{pull.number}"
        known = {
            "id": 100 + pull.number,
            "node_id": f"PR_{pull.number}",
            "number": pull.number,
            "url": url,
            "html_url": site,
            "diff_url": f"{site}.diff",
            "patch_url": f"{site}.patch",
            "issue_url": issue,
            "commits_url": f"{url}/commits",
            "review_comments_url": f"{url}/comments",
            "review_comment_url": f"{self.repo}/pulls/comments{{/number}}",
            "comments_url": f"{issue}/comments",
            "statuses_url": f"{self.repo}/statuses/{pull.head_sha}",
            "state": pull.state,
            "locked": pull.locked,
            "draft": pull.draft,
            "merge_commit_sha": pull.merge_sha,
            "title": pull.title,
            "body": pull.body,
            "user": self.user(pull.author),
            "labels": [self.label(name) for name in pull.labels],
            "head": self._end(pull, pull.head_repo, pull.head_ref, pull.head_sha, name),
            "base": self._end(pull, self.state.full_name, pull.base_ref, pull.base_sha, name),
            "_links": {"self": {"href": url}, "html": {"href": site}, "issue": {"href": issue}},
        }
        if name == "pull-request":
            files = self.state.files(pull)
            known |= {
                "merged": pull.merged,
                "mergeable_state": "clean",
                "changed_files": len(files),
                "additions": sum(file.additions for file in files),
                "deletions": sum(file.deletions for file in files),
            }
        return shape(name, self.base, known)

    def _end(self, pull: Pull, full_name: str | None, ref: str, sha: str, name: str) -> Json:
        owner = full_name.partition("/")[0] if full_name else pull.author.login
        return {
            "label": f"{owner}:{ref}",
            "ref": ref,
            "sha": sha,
            "user": self.user(Account(owner, 500)),
            "repo": self.repository("repository", full_name) if full_name else None,
        }

    def label(self, name: str) -> Json:
        return {
            "id": 7, "node_id": "LA_7", "url": f"{self.repo}/labels/{name}", "name": name,
            "description": None, "color": "ededed", "default": False,
        }  # fmt: skip

    def file(self, file: File, head: str) -> Json:
        known = {
            "sha": file.blob,
            "filename": file.filename,
            "status": file.status,
            "additions": file.additions,
            "deletions": file.deletions,
            "changes": file.additions + file.deletions,
            "contents_url": f"{self.repo}/contents/{file.filename}?ref={head}",
        }
        if file.previous:
            known["previous_filename"] = file.previous
        if file.patch is not None:
            known["patch"] = file.patch
        return shape("diff-entry", self.base, known)

    def review(self, review: Review) -> Json:
        pull = f"{self.repo}/pulls/{review.pull}"
        site = f"{self.page}/pull/{review.pull}#pullrequestreview-{review.id}"
        known = {
            "id": review.id,
            "node_id": f"PRR_{review.id}",
            "user": self.user(review.user),
            "body": review.body,
            "state": review.state,
            "commit_id": review.commit_id,
            "html_url": site,
            "pull_request_url": pull,
            "author_association": self._association(review.user),
            "_links": {"html": {"href": site}, "pull_request": {"href": pull}},
        }
        if review.submitted_at:
            known["submitted_at"] = review.submitted_at
        return shape("pull-request-review", self.base, known)

    def _association(self, account: Account) -> str:
        return "NONE" if account.bot else "CONTRIBUTOR"

    def comment(self, comment: ReviewComment, name: str = "pull-request-review-comment") -> Json:
        pull = f"{self.repo}/pulls/{comment.pull}"
        url = f"{self.repo}/pulls/comments/{comment.id}"
        site = f"{self.page}/pull/{comment.pull}#discussion_r{comment.id}"
        outdated = self.state.outdated(comment)
        head = self.state.pulls[comment.pull].head_sha
        line = None if outdated else self.state.line_now(comment)
        shift = (line or 0) - (comment.line or 0)
        start = comment.start_line + shift if comment.start_line and line else None
        known = {
            "id": comment.id,
            "node_id": f"PRRC_{comment.id}",
            "url": url,
            "html_url": site,
            "pull_request_url": pull,
            "pull_request_review_id": comment.review_id,
            "user": self.user(comment.user),
            "body": comment.body,
            "path": comment.path,
            "line": line,
            "original_line": comment.line,
            "side": comment.side,
            "start_line": start,
            "original_start_line": comment.start_line,
            "start_side": comment.start_side,
            "subject_type": comment.subject_type,
            "commit_id": comment.commit_id if outdated else head,
            "original_commit_id": comment.commit_id,
            "diff_hunk": comment.diff_hunk,
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
            "author_association": self._association(comment.user),
            "_links": {
                "self": {"href": url}, "html": {"href": site}, "pull_request": {"href": pull},
            },
        }  # fmt: skip
        if name == "review-comment":
            known = {key: value for key, value in known.items() if value is not None}
        if comment.subject_type == "file":
            known |= {"line": None, "original_line": None}
        if comment.in_reply_to:
            known["in_reply_to_id"] = comment.in_reply_to
        return shape(name, self.base, known)

    def issue_comment(self, comment: IssueComment) -> Json:
        known = {
            "id": comment.id,
            "node_id": f"IC_{comment.id}",
            "url": f"{self.repo}/issues/comments/{comment.id}",
            "html_url": f"{self.page}/pull/{comment.pull}#issuecomment-{comment.id}",
            "issue_url": f"{self.repo}/issues/{comment.pull}",
            "user": self.user(comment.user),
            "body": comment.body,
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
            "author_association": self._association(comment.user),
        }
        return shape("issue-comment", self.base, known)

    def check(self, check: Check) -> Json:
        url = f"{self.repo}/check-runs/{check.id}"
        known = {
            "id": check.id,
            "node_id": f"CR_{check.id}",
            "name": check.name,
            "head_sha": check.head_sha,
            "url": url,
            "html_url": f"{self.page}/runs/{check.id}",
            "details_url": check.details_url,
            "status": check.status,
            "conclusion": check.conclusion,
            "started_at": check.started_at,
            "completed_at": check.completed_at,
            "external_id": check.external_id,
            "check_suite": {"id": 5},
            "output": {
                "title": check.title,
                "summary": check.summary,
                "text": check.text,
                "annotations_count": len(check.annotations),
                "annotations_url": f"{url}/annotations",
            },
        }
        return shape("check-run", self.base, known)

    def annotation(self, note: Json, sha: str) -> Json:
        href = f"{self.page}/blob/{sha}/{note['path']}"
        return shape("check-annotation", self.base, {**note, "blob_href": href})

    def status(self, status: Status) -> Json:
        known = {
            "id": status.id,
            "node_id": f"SC_{status.id}",
            "url": f"{self.repo}/statuses/{status.sha}",
            "state": status.state,
            "context": status.context,
            "description": status.description,
            "target_url": status.target_url,
            "creator": self.user(status.creator),
            "created_at": status.created_at,
            "updated_at": status.created_at,
        }
        return shape("status", self.base, known)

    def commit(self, commit: Commit) -> Json:
        url = f"{self.repo}/commits/{commit.sha}"
        person = {"name": commit.name, "email": commit.email, "date": commit.date}
        known = {
            "sha": commit.sha,
            "node_id": f"C_{commit.sha}",
            "url": url,
            "html_url": f"{self.page}/commit/{commit.sha}",
            "commit": {
                "message": commit.message,
                "author": person,
                "committer": person,
                "tree": {"sha": commit.tree, "url": f"{self.repo}/git/trees/{commit.tree}"},
                "url": f"{self.repo}/git/commits/{commit.sha}",
            },
            "parents": [{"sha": p, "url": f"{self.repo}/commits/{p}"} for p in commit.parents],
        }
        return shape("commit", self.base, known)
