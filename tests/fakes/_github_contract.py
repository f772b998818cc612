"""GitHub's official descriptions of its API, as a judge and as a source of complete answers.

`contract/rest.json` and `contract/schema.graphql` are cut from GitHub's own files by
`contract/make.py`. They are loaded once a process.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from graphql import GraphQLSchema, build_schema
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.responses.exceptions import ResponseNotFound
from openapi_core.testing import MockRequest, MockResponse

HERE = Path(__file__).parent / "contract"
HOST = "https://api.github.com"
NULL = (
    "pull-request.head.repo",
    "pull-request-simple.head.repo",
    "pull-request-review-comment.line",
    "pull-request-review-comment.original_line",
)
"""Null on github.com though not in its description: the repository of a deleted fork, the line of
an outdated comment or of one on a file."""
OPERATIONS = ("get", "post", "put", "patch", "delete")


@cache
def document() -> Any:
    spec = json.loads((HERE / "rest.json").read_text(encoding="utf-8"))
    return _tightened(_corrected(spec))


@cache
def schema() -> GraphQLSchema:
    sdl = (HERE / "schema.graphql").read_text(encoding="utf-8")
    return build_schema(sdl, assume_valid=True)


@cache
def _api() -> OpenAPI:
    return OpenAPI.from_dict(document(), config=Config(spec_validator_cls=None))


def check_request(
    method: str, template: str, params: Mapping[str, str], query: Mapping[str, str], body: bytes
) -> list[str]:
    """What is wrong with a request to the operation `method` of the path `template`."""
    operation = document()["paths"].get(template, {}).get(method.lower())
    if operation is None:
        return [f"there is no {method} {template}"]
    known = {_deref(p)["name"] for p in operation.get("parameters", ())}
    unknown = [f"unknown query parameter {name}" for name in query if name not in known]
    return unknown + _complaints(lambda: _api().validate_request(_request(
        method, template, params, query, body
    )))  # fmt: skip


def check_answer(
    method: str, template: str, params: Mapping[str, str], status: int, body: bytes
) -> list[str]:
    """What is wrong with an answer. Errors that the description leaves out are fine."""
    request = _request(method, template, params, {}, b"")
    answer = MockResponse(body, status_code=status, content_type="application/json")
    try:
        return _complaints(lambda: _api().validate_response(request, answer))
    except ResponseNotFound:
        return [] if status >= 400 else [f"{status} is no answer of {method} {template}"]


def _request(
    method: str, template: str, params: Mapping[str, str], query: Mapping[str, str], body: bytes
) -> MockRequest:
    path = template
    for name, value in params.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return MockRequest(
        HOST, method.lower(), path, path_pattern=template, view_args=dict(params),
        args=dict(query), data=body or None, content_type="application/json",
    )  # fmt: skip


def _complaints(check: Any) -> list[str]:
    try:
        check()
    except ResponseNotFound:
        raise
    except OpenAPIError as error:
        details = getattr(error.__cause__, "schema_errors", None) or ()
        found = [f"{e.json_path}: {_short(e.message)}" for e in details]
        return found or [_short(f"{error} ({error.__cause__})")]
    return []


def _short(text: str) -> str:
    return text if len(text) < 400 else f"{text[:200]} [...] {text[-200:]}"


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)


def _corrected(spec: Any) -> Any:
    """The description as GitHub lives it: nullable means nullable, and `NULL` is null at times.

    By the letter of OpenAPI 3.0 a nullable value that is one of several listed values or
    alternatives may still not be null, and a discriminator fits no array; GitHub answers both.
    """
    for name, *path in (words.split(".") for words in NULL):
        node = spec["components"]["schemas"][name]
        for key in path[:-1]:
            node = node["properties"][key]
        fields = node["properties"]
        fields[path[-1]] = {"nullable": True, "oneOf": [fields[path[-1]]]}
    for node in [node for node in _walk(spec) if node.get("nullable") is True]:
        if "enum" in node:
            node["enum"] = [*node["enum"], None]
        for word in ("oneOf", "anyOf"):
            if word in node:
                node[word] = [*node[word], {"enum": [None], "nullable": True}]
    for node in [node for node in _walk(spec) if "propertyName" in node.get("discriminator", ())]:
        del node["discriminator"]
    return spec


def _tightened(spec: Any) -> Any:
    """Requests may hold no unknown field, and a side is LEFT or RIGHT: misspelt fields now fail."""
    for path in spec["paths"].values():
        for operation in (path[name] for name in OPERATIONS if name in path):
            for node in _walk(operation.get("requestBody", {})):
                if node.get("type") == "object" and "properties" in node:
                    node.setdefault("additionalProperties", False)
    reviews = spec["paths"]["/repos/{owner}/{repo}/pulls/{pull_number}/reviews"]["post"]
    body = reviews["requestBody"]["content"]["application/json"]["schema"]["properties"]
    comment = body["comments"]["items"]["properties"]
    for name in ("side", "start_side"):
        comment[name]["enum"] = ["LEFT", "RIGHT"]
    return spec


def _deref(node: Any) -> Any:
    while "$ref" in node:
        _, _, kind, name = node["$ref"].split("/")
        node = document()["components"][kind][name]
    return node


def shape(name: str, base: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """A complete object of the schema `name`: what is `known`, and a filler for all else required.

    Addresses among the fillers begin with `base`.
    """
    filler: dict[str, Any] = json.loads(_filler(name, base))
    return _over(filler, known)


@cache
def _filler(name: str, base: str) -> str:
    node = document()["components"]["schemas"][name]
    return json.dumps(_fill(node)).replace(HOST, base)


def _fill(node: Any) -> Any:
    node = _deref(node)
    if node.get("nullable"):
        return None
    for word in ("anyOf", "oneOf"):
        if word in node:
            return _fill(node[word][0])
    if "allOf" in node:
        parts = [_fill(part) for part in node["allOf"]]
        return {k: v for part in parts for k, v in part.items()}
    if "enum" in node:
        return node["enum"][0]
    if node.get("type") == "object" or "properties" in node:
        fields = node.get("properties", {})
        return {key: _fill(fields[key]) for key in node.get("required", ()) if key in fields}
    plain = {"integer": 0, "number": 0, "boolean": False, "array": [], "string": ""}
    formats = {"uri": f"{HOST}/-", "date-time": "2026-01-01T00:00:00Z", "email": "a@example.org"}
    return formats.get(node.get("format", ""), plain[node.get("type", "string")])


def _over(filler: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in known.items():
        old = filler.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            filler[key] = _over(old, value)
        else:
            filler[key] = value
    return filler
