"""GraphQL on the fake of GitHub: checked and executed against the official schema."""

from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    execute_sync,
    parse,
    validate,
)

from tests.fakes._github_contract import schema
from tests.fakes._github_fields import FIELDS, PREFIX
from tests.fakes._github_nodes import Context, Pages, Typed
from tests.fakes._github_state import (
    Account,
    IssueComment,
    Pull,
    Refusal,
    Review,
    ReviewComment,
    Thread,
)

TYPES = {
    IssueComment: "IssueComment",
    Pull: "PullRequest",
    Review: "PullRequestReview",
    ReviewComment: "PullRequestReviewComment",
    Thread: "PullRequestReviewThread",
}


def is_mutation(query: Any) -> bool:
    try:
        document = parse(str(query))
    except GraphQLSyntaxError:
        return False
    return any(
        isinstance(d, OperationDefinitionNode) and d.operation.value == "mutation"
        for d in document.definitions
    )


def answer(context: Context, wish: Any) -> dict[str, Any]:
    """The JSON of the answer. What broke the schema is added to `context.complaints`."""
    if not isinstance(wish, dict) or not isinstance(wish.get("query"), str):
        context.complaints.append("a GraphQL request needs a query")
        return {
            "errors": [{"message": "A query attribute must be specified and must be a string."}]
        }
    try:
        document = parse(wish["query"])
    except GraphQLSyntaxError as error:
        context.complaints.append(str(error))
        return {"errors": [{"message": error.message}]}
    if errors := validate(schema(), document):
        context.complaints += [error.message for error in errors]
        return {"errors": [error.formatted for error in errors]}
    done = execute_sync(
        schema(), document, context_value=context, variable_values=wish.get("variables") or {},
        field_resolver=_resolve, type_resolver=_type_of,
    )  # fmt: skip
    return _formatted(context, done)


def _formatted(context: Context, done: ExecutionResult) -> dict[str, Any]:
    answer: dict[str, Any] = {} if done.data is None else {"data": done.data}
    for error in done.errors or ():
        shown: dict[str, Any] = dict(error.formatted)
        original = error.original_error
        if isinstance(original, Refusal):
            types = {403: "FORBIDDEN", 404: "NOT_FOUND"}
            shown |= {"type": types.get(original.status, "UNPROCESSABLE")}
            shown["message"] = original.message
        else:
            context.complaints.append(error.message)
        answer.setdefault("errors", []).append(shown)
    return answer


def _type_of(value: Any, _info: GraphQLResolveInfo[Any], _kind: GraphQLAbstractType) -> str:
    if isinstance(value, Typed):
        return value.typename
    if isinstance(value, Account):
        return "Bot" if value.bot else "User"
    return TYPES[type(value)]


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    """A field: of a `Typed` from its fields, of ours from the table below."""
    name, context = info.field_name, info.context
    if isinstance(source, Typed) and name in source.fields:
        value = source.fields[name]
    else:
        kind = type(source).__name__ if source is not None else info.parent_type.name
        item = "Item" if type(source) in PREFIX else kind
        work = FIELDS.get((kind, name)) or FIELDS.get((item, name))
        if work is None:
            raise GraphQLError(f"the fake does not answer {info.parent_type.name}.{name}")
        value = work(context, source, arguments)
    if isinstance(value, Pages):
        return value.connection(arguments, name)
    return value
