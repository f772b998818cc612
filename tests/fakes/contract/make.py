"""Cuts GitHub's official API descriptions to what the fake of GitHub answers.

The sources are two npm packages of GitHub's Octokit project, both under the MIT licence (its text
is in LICENSE beside this file):

    npm pack @octokit/openapi@23.0.2 @octokit/graphql-schema@15.26.1
    tar -xzf octokit-openapi-23.0.2.tgz package/generated/api.github.com.json
    tar -xzf octokit-graphql-schema-15.26.1.tgz package/schema.graphql
    python tests/fakes/contract/make.py package/generated/api.github.com.json package/schema.graphql

It writes rest.json, the operations of `REST` with every component they reach, and schema.graphql,
the types of `TYPES` with all their fields whose own type is kept (scalars, enums included).
Descriptions and examples are left out; nothing else is changed.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphql import (
    DirectiveDefinitionNode,
    EnumTypeDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    NamedTypeNode,
    Node,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    build_schema,
    parse,
    print_ast,
    specified_scalar_types,
    validate_schema,
)

REST = {
    "/user": "get",
    "/rate_limit": "get",
    "/repos/{owner}/{repo}": "get",
    "/repos/{owner}/{repo}/check-runs": "post",
    "/repos/{owner}/{repo}/check-runs/{check_run_id}": "get patch",
    "/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations": "get",
    "/repos/{owner}/{repo}/code-scanning/sarifs": "post",
    "/repos/{owner}/{repo}/code-scanning/sarifs/{sarif_id}": "get",
    "/repos/{owner}/{repo}/collaborators/{username}/permission": "get",
    "/repos/{owner}/{repo}/commits/{commit_sha}/pulls": "get",
    "/repos/{owner}/{repo}/commits/{ref}": "get",
    "/repos/{owner}/{repo}/commits/{ref}/check-runs": "get",
    "/repos/{owner}/{repo}/commits/{ref}/status": "get",
    "/repos/{owner}/{repo}/compare/{basehead}": "get",
    "/repos/{owner}/{repo}/contents/{path}": "get",
    "/repos/{owner}/{repo}/issues/comments/{comment_id}": "get patch delete",
    "/repos/{owner}/{repo}/issues/{issue_number}/comments": "get post",
    "/repos/{owner}/{repo}/issues/{issue_number}/labels": "get",
    "/repos/{owner}/{repo}/pulls": "get",
    "/repos/{owner}/{repo}/pulls/comments/{comment_id}": "get patch delete",
    "/repos/{owner}/{repo}/pulls/{pull_number}": "get",
    "/repos/{owner}/{repo}/pulls/{pull_number}/comments": "get post",
    "/repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies": "post",
    "/repos/{owner}/{repo}/pulls/{pull_number}/commits": "get",
    "/repos/{owner}/{repo}/pulls/{pull_number}/files": "get",
    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews": "get post",
    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}": "get put delete",
    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/comments": "get",
    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/dismissals": "put",
    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/events": "post",
    "/repos/{owner}/{repo}/statuses/{sha}": "post",
}

MUTATIONS = (
    "resolveReviewThread unresolveReviewThread minimizeComment unminimizeComment "
    "deletePullRequestReview deletePullRequestReviewComment deleteIssueComment "
    "updatePullRequestReview updatePullRequestReviewComment updateIssueComment"
).split()

TYPES = (
    "Query Mutation Actor Bot User RateLimit Node PageInfo Repository Ref GitObject Commit "
    "PullRequest PullRequestConnection PullRequestEdge Label LabelConnection LabelEdge "
    "PullRequestReviewThread PullRequestReviewThreadConnection PullRequestReviewThreadEdge "
    "PullRequestReview PullRequestReviewConnection PullRequestReviewEdge "
    "PullRequestReviewComment PullRequestReviewCommentConnection PullRequestReviewCommentEdge "
    "IssueComment IssueCommentConnection IssueCommentEdge IssueOrder IssueCommentOrder "
    "LabelOrder Comment Minimizable Deletable Updatable UpdatableComment RepositoryNode"
).split()

FIELDS = {"Query": "viewer repository node rateLimit id".split(), "Mutation": MUTATIONS}


def main(openapi: str, graphql: str) -> None:
    here = Path(__file__).parent
    rest = cut_rest(json.loads(Path(openapi).read_text(encoding="utf-8")))
    text = json.dumps(rest, separators=(",", ":"), sort_keys=True)
    (here / "rest.json").write_text(text.replace('},"', '},\n"') + "\n", encoding="utf-8")
    sdl = cut_graphql(Path(graphql).read_text(encoding="utf-8"))
    (here / "schema.graphql").write_text(sdl, encoding="utf-8")


def cut_rest(spec: Mapping[str, Any]) -> dict[str, Any]:
    paths = {path: _operations(spec["paths"][path], words.split()) for path, words in REST.items()}
    need: set[str] = set()
    todo: list[Any] = [paths]
    while todo:
        for node in _walk(todo.pop()):
            ref = node.get("$ref")
            if isinstance(ref, str) and ref not in need:
                need.add(ref)
                kind, name = ref.split("/")[2:4]
                todo.append(spec["components"][kind][name])
    parts = {
        kind: {name: node for name, node in group.items() if f"#/components/{kind}/{name}" in need}
        for kind, group in spec["components"].items()
    }
    head = {key: spec[key] for key in ("openapi", "info")}
    cut = {**head, "paths": paths, "components": {k: v for k, v in parts.items() if v}}
    return {**_silent(cut), "servers": [{"url": "https://api.github.com"}]}


def _operations(item: Mapping[str, Any], methods: list[str]) -> dict[str, Any]:
    """The operations of one path, with JSON alone where an answer has it."""
    kept = {key: item[key] for key in (*methods, "parameters") if key in item}
    for method in methods:
        for answer in kept[method]["responses"].values():
            content = answer.get("content", {})
            for media in [m for m in content if "application/json" in content]:
                if media != "application/json":
                    del content[media]
    return kept


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)


def _silent(node: Any, inside: str = "") -> Any:
    """The same without prose: descriptions (but where OpenAPI wants one), examples, extensions."""
    if isinstance(node, list):
        return [_silent(value) for value in node]
    if not isinstance(node, dict):
        return node
    if inside in {"properties", "schemas", "responses", "paths", "content", "headers"}:
        return {key: _silent(value) for key, value in node.items()}
    prose = {"example", "examples", "externalDocs", "summary", "title", "tags"} - _needed(node)
    return {
        key: "" if key == "description" else _silent(value, key)
        for key, value in node.items()
        if key not in prose and not key.startswith("x-")
        if key != "description" or _is_answer(node)
    }


def _needed(node: Mapping[str, Any]) -> set[str]:
    """The `info` object must have its title."""
    return {"title"} if "version" in node else set()


def _is_answer(node: Mapping[str, Any]) -> bool:
    return not node.keys() & {"type", "in", "properties", "operationId", "enum", "version"}


def cut_graphql(sdl: str) -> str:
    document = parse(sdl, no_location=True)
    named: list[Any] = [node for node in document.definitions if getattr(node, "name", None)]
    types = {node.name.value: node for node in named}
    mutations = types["Mutation"].fields
    wanted = [field for field in mutations if field.name.value in MUTATIONS]
    payloads = [_named(field.type) for field in wanted]
    inputs = [_named(argument.type) for field in wanted for argument in field.arguments]
    keep = {*TYPES, *payloads, *inputs}
    assert keep <= types.keys(), keep - types.keys()
    leaves = (ScalarTypeDefinitionNode, EnumTypeDefinitionNode, DirectiveDefinitionNode)
    keep |= {name for name, node in types.items() if isinstance(node, leaves)}
    keep |= specified_scalar_types.keys()
    cut = "\n\n".join(print_ast(_pruned(node, keep)) for node in _used(types, keep)) + "\n"
    errors = validate_schema(build_schema(cut, assume_valid_sdl=True))
    assert not errors, errors
    return cut


def _used(types: Mapping[str, Any], keep: set[str]) -> Iterator[Any]:
    """The kept definitions; of the enums and scalars only those that one of them names."""
    whole = [n for n in types.values() if n.name.value in keep and not _is_leaf(n)]
    named = {name for node in whole for name in _names(_pruned(node, keep))}
    yield from (n for n in types.values() if n in whole or (_is_leaf(n) and n.name.value in named))


def _is_leaf(node: Any) -> bool:
    return isinstance(node, ScalarTypeDefinitionNode | EnumTypeDefinitionNode)


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, NamedTypeNode):
        yield node.name.value
    elif isinstance(node, Node):
        for key in node.keys:
            yield from _names(getattr(node, key))
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _names(value)


def _named(node: Any) -> str:
    while not isinstance(node, NamedTypeNode):
        node = node.type
    return node.name.value


def _pruned(node: Any, keep: set[str]) -> Any:
    """The definition without prose and without what is not kept."""
    node = _plain(node)
    if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        chosen = FIELDS.get(node.name.value)
        fields = tuple(
            _with(f, arguments=_kept(f.arguments, keep))
            for f in _kept(node.fields, keep)
            if chosen is None or f.name.value in chosen
        )
        interfaces = tuple(i for i in node.interfaces or () if i.name.value in keep)
        return _with(node, fields=fields, interfaces=interfaces)
    if isinstance(node, InputObjectTypeDefinitionNode):
        return _with(node, fields=_kept(node.fields, keep))
    return node


def _kept(parts: Any, keep: set[str]) -> tuple[Any, ...]:
    return tuple(part for part in parts or () if _named(part.type) in keep)


def _plain(node: Any) -> Any:
    """A copy of the tree without descriptions and directives on it."""
    if isinstance(node, list | tuple):
        return tuple(_plain(value) for value in node)
    if not isinstance(node, Node):
        return node
    fields = {key: _plain(getattr(node, key)) for key in node.keys if key != "loc"}
    dropped = {"description": None, "directives": ()}
    return type(node)(**{**fields, **{k: v for k, v in dropped.items() if k in fields}})


def _with(node: Any, **changes: Any) -> Any:
    fields = {key: getattr(node, key) for key in node.keys if key != "loc"}
    return type(node)(**{**fields, **changes})


if __name__ == "__main__":
    main(*sys.argv[1:])
