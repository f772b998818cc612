"""What clients ask for, read strictly: what is not supported is refused by name.

Fields: https://platform.openai.com/docs/api-reference/chat/create; `top_k` and the request for a
number of tokens are vLLM's: https://docs.vllm.ai/en/stable/serving/openai_compatible_server.html
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from reviewer.server.failures import bad
from reviewer.server.prompt import Turn
from reviewer.server.protocol import TOP_K

SCHEMA_BYTES: Final = 64 << 10
DEFAULT_TOKENS: Final = 2048
"""Of an answer, when the request names no number."""

ANY_OBJECT: Final = '{"type": "object"}'


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Text(_Strict, frozen=True, tag_field="type", tag="text"):
    """A part of a message, or the wish for an answer without a form."""

    text: str = ""


class JsonObject(_Strict, frozen=True, tag_field="type", tag="json_object"):
    """The wish for any JSON object."""


class Schema(_Strict, frozen=True):
    """A JSON schema, with the name that somebody gave it."""

    schema: msgspec.Raw
    name: Annotated[str, Meta(max_length=64)] = ""
    description: str | None = None
    strict: bool | None = None


class JsonSchema(_Strict, frozen=True, tag_field="type", tag="json_schema"):
    """The wish for JSON of a certain form."""

    json_schema: Schema


class Message(_Strict, frozen=True):
    """One turn of the conversation."""

    role: Literal["system", "user", "assistant"]
    content: str | Annotated[tuple[Text, ...], Meta(max_length=256)]


class StreamOptions(_Strict, frozen=True):
    """What a stream is to hold."""

    include_usage: bool = False
    include_obfuscation: bool = False


Zero: TypeAlias = Annotated[float, Meta(ge=0, le=0)] | None
Tokens: TypeAlias = Annotated[int, Meta(ge=1, le=1 << 20)] | None
Nothing: TypeAlias = Annotated[tuple[str, ...], Meta(max_length=0)] | None


class Body(_Strict, frozen=True):
    """The body of a request.

    Fields that only allow their default are there because clients send them.
    """

    model: Annotated[str, Meta(max_length=256)]
    messages: Annotated[tuple[Message, ...], Meta(min_length=1, max_length=256)]
    max_tokens: Tokens = None
    max_completion_tokens: Tokens = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=TOP_K)] | None = None
    seed: Annotated[int, Meta(ge=-(1 << 62), le=1 << 62)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: Text | JsonObject | JsonSchema | None = None
    user: Annotated[str, Meta(max_length=256)] | None = None
    n: Annotated[int, Meta(ge=1, le=1)] | None = None
    stop: Nothing = None
    frequency_penalty: Zero = None
    presence_penalty: Zero = None
    metadata: dict[str, str] | None = None
    store: bool | None = None


class Count(_Strict, frozen=True):
    """The body of a request for the number of tokens of a text."""

    prompt: str
    model: Annotated[str, Meta(max_length=256)] | None = None


@dataclass(frozen=True)
class Ask:
    """What is asked for. `tenant` names whose text it is, None of them of another's."""

    model: str
    turns: tuple[Turn, ...]
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    seed: int
    schema: str | None
    tenant: str
    stream: bool
    with_usage: bool


_T = TypeVar("_T")

_body: Final = msgspec.json.Decoder(Body)
_count: Final = msgspec.json.Decoder(Count)


def parse(data: bytes) -> Ask:
    """A request. Raises Failure (400) that names the field."""
    body = _decoded(_body, data)
    if body.messages[-1].role != "user":
        raise bad("the last message must be of the user")
    return Ask(
        model=body.model,
        turns=tuple(Turn(each.role, _text(each.content)) for each in body.messages),
        max_tokens=body.max_completion_tokens or body.max_tokens or DEFAULT_TOKENS,
        # Greedy unless asked otherwise: the same change is to get the same review.
        temperature=0.0 if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else body.top_p,
        top_k=body.top_k or 0,
        seed=abs(body.seed or 0),
        schema=_schema(body.response_format),
        tenant=body.user or "",
        stream=bool(body.stream),
        with_usage=body.stream_options is not None and body.stream_options.include_usage,
    )


def count(data: bytes) -> Count:
    """A request for the number of tokens. Raises Failure (400) that names the field."""
    return _decoded(_count, data)


def _decoded(decoder: "msgspec.json.Decoder[_T]", data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise bad(_plain(str(error))) from error
    except RecursionError as error:
        raise bad("the request is nested too deeply") from error


def _plain(complaint: str) -> str:
    """The words of the decoder, as those of a server that lacks something."""
    unknown = "Object contains unknown field "
    if complaint.startswith(unknown):
        return f"not supported: {complaint.removeprefix(unknown)}"[:300]
    return complaint[:300]


def _text(content: str | tuple[Text, ...]) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _schema(wish: Text | JsonObject | JsonSchema | None) -> str | None:
    if isinstance(wish, JsonObject):
        return ANY_OBJECT
    if not isinstance(wish, JsonSchema):
        return None
    raw = bytes(wish.json_schema.schema)
    if len(raw) > SCHEMA_BYTES:
        raise bad(f"a schema of {len(raw):,} bytes, more than {SCHEMA_BYTES:,}", "invalid_schema")
    try:
        schema: Any = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise bad("the schema is no JSON", "invalid_schema") from error
    if not isinstance(schema, dict):
        raise bad("the schema is no object", "invalid_schema")
    return raw.decode()
