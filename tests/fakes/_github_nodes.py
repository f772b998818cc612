"""The parts that GraphQL answers of the fake of GitHub are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError

from tests.fakes._github_state import State, Token


@dataclass
class Context:
    state: State
    token: Token
    page: str
    complaints: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Typed:
    """An object of a type that no class of ours stands for."""

    typename: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Pages:
    """A list that is answered page by page."""

    items: Sequence[Any]

    def connection(self, arguments: Mapping[str, Any], name: str) -> Typed:
        """One page. GitHub wants `first` or `last`, at most 100."""
        first, last = arguments.get("first"), arguments.get("last")
        size = first if first is not None else last
        if size is None:
            raise GraphQLError(
                f"You must provide a `first` or `last` value to properly paginate the `{name}` "
                "connection."
            )
        if not 0 <= size <= 100:
            raise GraphQLError(f"Requesting {size} records on the `{name}` connection exceeds the "
                               "`first` limit of 100 records.")  # fmt: skip
        start = int(arguments["after"].removeprefix("c")) if arguments.get("after") else 0
        if first is None:
            start = max(start, len(self.items) - size)
        page = self.items[start : start + size]
        info = {
            "hasNextPage": start + size < len(self.items),
            "hasPreviousPage": start > 0,
            "startCursor": f"c{start}" if page else None,
            "endCursor": f"c{start + len(page)}" if page else None,
        }
        fields = {
            "nodes": list(page),
            "totalCount": len(self.items),
            "pageInfo": Typed("PageInfo", info),
            "edges": [
                Typed("Edge", {"node": node, "cursor": f"c{start + at}"})
                for at, node in enumerate(page, 1)
            ],
        }
        return Typed("Connection", fields)
