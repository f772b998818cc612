"""What tells OpenAI-compatible servers apart, as one table, and how each of them says no.

Only the common subset is sent: model, messages, max_tokens, temperature, top_p, seed, stream,
stream_options.include_usage, response_format.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from reviewer.engines.base import Message
from reviewer.errors import (
    ContextTooLong,
    EngineBusy,
    EngineDown,
    EngineError,
    EngineRefused,
)

Format = Callable[[Mapping[str, Any]], dict[str, Any]]
"""The fields of a request that hold the answer to a JSON Schema."""


def _openai_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    described = {"name": "answer", "schema": schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


def _tabby_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """TabbyAPI knows `response_format` since May 2026, and before that only this field of its own.

    Both say the same, so that both are sent.
    """
    return {**_openai_format(schema), "json_schema": schema}


Question = Callable[[str, str], dict[str, Any]]
"""The body that asks for the number of tokens, from the model's name and a text."""


def _vllm_question(model: str, text: str) -> dict[str, Any]:
    return {"model": model, "prompt": text, "add_special_tokens": False}


def _our_question(model: str, text: str) -> dict[str, Any]:
    return {"model": model, "prompt": text}


def _llama_question(model: str, text: str) -> dict[str, Any]:
    del model
    return {"content": text, "add_special": False, "parse_special": False}


def _tabby_question(model: str, text: str) -> dict[str, Any]:
    del model
    return {"text": text, "add_bos_token": False, "encode_special_tokens": False}


def _no_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    del schema
    return {}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server. `owner` is the `owned_by` of its models, by which it is known.

    `health` is the path that answers 200 when the model is loaded, "" where none means that.
    `details` is a path with more about the model than `/v1/models` says, "" without. `spans` says
    that the server itself keeps control tokens out of the texts of messages. `tokenize` is the path
    that counts tokens when it is asked by `to_count`, "" without. `top_k` says that it knows this
    field, which OpenAI has not.
    """

    name: str
    owner: str = ""
    health: str = ""
    details: str = ""
    format: Format = _openai_format
    json_schema: Literal["native", "none"] = "native"
    prefix_cache: bool = True
    spans: bool = False
    tokenize: str = ""
    to_count: Question = _vllm_question
    top_k: bool = True

    def counted(self, body: bytes) -> int | None:
        """The number of tokens in the answer to `to_count`, None where there is none."""
        try:
            told = msgspec.json.decode(body, type=_Counted)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        for number in (told.count, told.length):
            if number is not None:
                return number
        return None if told.tokens is None else len(told.tokens)


class _Counted(msgspec.Struct):
    """How servers say it: ours, vLLM and SGLang, then TabbyAPI, then llama.cpp."""

    count: int | None = None
    length: int | None = None
    tokens: list[Any] | None = None


OTHER: Final = Dialect(
    "other", format=_no_format, json_schema="none", prefix_cache=False, top_k=False
)
"""A server that we do not know: nothing is taken for granted."""

DIALECTS: Final = (
    Dialect(
        "reviewer", "reviewer", "/health", spans=True, tokenize="/tokenize", to_count=_our_question
    ),
    Dialect("vllm", "vllm", "/health", "/version", tokenize="/tokenize"),
    Dialect("sglang", "sglang", "/health", tokenize="/tokenize"),
    Dialect(
        "llama.cpp", "llamacpp", "/health", "/props", tokenize="/tokenize", to_count=_llama_question
    ),
    # Its /health lists past errors, which says nothing about now.
    Dialect(
        "tabbyapi", "tabbyAPI", details="/v1/model", format=_tabby_format,
        tokenize="/v1/token/encode", to_count=_tabby_question,
    ),
    OTHER,
)  # fmt: skip


def dialect_of(owner: str) -> Dialect:
    """The dialect of a server whose models are `owned_by` this."""
    return next((each for each in DIALECTS if each.owner and each.owner == owner), OTHER)


def named(name: str) -> Dialect:
    """The dialect of this name; OTHER for a name that there is not."""
    return next((each for each in DIALECTS if each.name == name), OTHER)


CONTROL: Final = re.compile(
    r"<(?=[|｜])|"
    r"<(?=/?(?:s|think|bos|eos|pad|unk|mask|tool_call|tool_response|start_of_turn|end_of_turn|sop|eop|"
    r"fim_(?:prefix|middle|suffix|pad)|file_sep|repo_name|endoftext|start_of_image|end_of_image|"
    r"(?:extra_id_|unused|reserved_token_)\d+)>)|"
    r"<(?=</?SYS>>)|"
    r"\[(?=/?(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|SYSTEM_PROMPT|IMG|gMASK|PREFIX|MIDDLE|"
    r"SUFFIX)\])",
    re.IGNORECASE,
)  # fmt: skip
"""The first character of what is a control token to some family of models: ChatML, Llama, Phi,
GLM, DeepSeek, Gemma, Mistral, T5, and the marks of fill-in-the-middle (tokenizer_config.json)."""

MARKS: Final = ("\u2063", "\u2060", "\u200b", "\u2064", "\ufeff")
"""Characters that are seen by nobody, for breaking up what would be a control token."""


def neutralised(messages: Sequence[Message]) -> tuple[tuple[Message, ...], str]:
    """The messages without control tokens, and the mark that was put into them ("" where none was).

    Most servers turn `<|im_end|>` in the text of a message into the real token, which ends the
    message and lets a change speak as the system. The mark is one that no message holds, so that
    `restored` takes out of an answer what was put in, and nothing else.
    """
    texts = "".join(message.content for message in messages)
    if not CONTROL.search(texts):
        return tuple(messages), ""
    mark = next((each for each in MARKS if each not in texts), MARKS[0])
    broken = (
        Message(each.role, CONTROL.sub(lambda found: found[0] + mark, each.content))
        for each in messages
    )
    return tuple(broken), mark


def restored(text: str, mark: str) -> str:
    """An answer that quotes neutralised messages, as if they had been themselves."""
    if not mark:
        return text
    return text.replace(mark, "").replace(f"\\u{ord(mark):04x}", "")


class _Fault(msgspec.Struct):
    """An error as OpenAI tells it, and what llama.cpp adds."""

    message: Any = ""
    type: Any = ""
    code: Any = None
    n_ctx: Any = 0


class _Failure(_Fault):
    """The same in a field of its own, or, by vLLM and SGLang, as the whole body."""

    error: _Fault | str | None = None


TOO_LONG: Final = re.compile(
    r"context_length_exceeded|exceed_context_size|context (?:length|size|window)|max_seq_len|"
    r"maximum model length|maximum allowed length"
)
"""Words of a refusal for length: ours and OpenAI's, llama.cpp's, vLLM's, SGLang's, TabbyAPI's."""

LIMIT: Final = re.compile(
    r"(?:context (?:length|size|window)|model length|allowed length|max_seq_len)"
    r"[^\d]{0,12}(\d{2,9})"
)
"""The number of tokens in it."""

SEEN: Final = re.compile(r"[A-Za-z_][\w. -]{0,40}")
"""A kind of error that may be shown. Messages may quote the prompt, and are not."""


def failure(status: int, body: bytes, retry_after: str = "") -> EngineError:
    """Why a request was answered by `status`, as an error to raise."""
    fault = _fault(body)
    code = fault.code if isinstance(fault.code, str) else fault.type
    kind = f" ({code})" if isinstance(code, str) and SEEN.fullmatch(code) else ""
    words = f"{fault.type} {fault.code} {fault.message}"
    if status == 413 or (status in (400, 422, 500) and TOO_LONG.search(words)):
        found = LIMIT.search(words)
        limit = fault.n_ctx if isinstance(fault.n_ctx, int) and fault.n_ctx > 0 else 0
        return ContextTooLong(
            "the prompt is longer than the engine takes", limit or int(found[1] if found else 0)
        )
    if code == "engine_failed":
        return EngineDown("the engine went away too often, and its server has given it up")
    if status in (429, 502, 503, 504) and code != "out_of_memory":
        state = "its queue is full" if status == 429 else "it is not ready"
        return EngineBusy(f"the engine answered {status}{kind}: {state}", seconds(retry_after))
    if status in (401, 403):
        return EngineRefused(f"the engine answered {status}: it does not accept the key")
    if status == 404:
        return EngineRefused(
            "the engine answered 404: it has no such model, or is no OpenAI-compatible server"
        )
    if status >= 500:
        return EngineRefused(f"the engine failed: {status}{kind}", 1)
    return EngineRefused(f"the engine answered {status}{kind}")


def late_failure(error: object) -> EngineError:
    """The same for an error inside of a stream, whose status was good."""
    body = msgspec.json.encode({"error": error})
    code = error.get("code") if isinstance(error, dict) else None
    if code == "engine_restarted":
        return EngineDown("the engine restarted in the middle of its answer", 1)
    return failure(code if isinstance(code, int) and 400 <= code < 600 else 500, body)


def _fault(body: bytes) -> _Fault:
    try:
        told = msgspec.json.decode(body, type=_Failure)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Fault()
    return told.error if isinstance(told.error, _Fault) else told


def seconds(retry_after: str) -> float | None:
    """Seconds in a Retry-After header (RFC 9110, 10.2.3); None for a date, and for anything odd."""
    return float(retry_after) if re.fullmatch(r"\d{1,6}(?:\.\d{1,3})?", retry_after) else None


class _Meta(msgspec.Struct):
    n_ctx: int = 0
    n_ctx_train: int = 0


class Model(msgspec.Struct):
    """One model of `/v1/models`: OpenAI's fields, and those that vLLM and llama.cpp add."""

    id: str
    owned_by: str = ""
    max_model_len: int | None = None
    meta: _Meta | None = None

    @property
    def context(self) -> int:
        """Its context in tokens, 0 where it is not told."""
        return self.max_model_len or (self.meta.n_ctx if self.meta else 0)


class Models(msgspec.Struct):
    """`/v1/models`."""

    data: list[Model] = []


class _Generation(msgspec.Struct):
    n_ctx: int = 0


class _Parameters(msgspec.Struct):
    max_seq_len: int | None = None
    max_batch_size: int | None = None


class Details(msgspec.Struct):
    """`/props` of llama.cpp, where the context is that of one slot, `/v1/model` of TabbyAPI, and
    `/version` of vLLM.
    """

    version: str = ""
    build_info: str = ""
    default_generation_settings: _Generation | None = None
    total_slots: int = 0
    parameters: _Parameters | None = None

    @property
    def context(self) -> int:
        """Tokens of one conversation, 0 where it is not told."""
        if self.default_generation_settings:
            return self.default_generation_settings.n_ctx
        return (self.parameters.max_seq_len if self.parameters else 0) or 0

    @property
    def slots(self) -> int:
        """Requests that run at a time, 0 where it is not told."""
        return self.total_slots or (self.parameters.max_batch_size if self.parameters else 0) or 0


class State(msgspec.Struct):
    """`/health` of our own server: what it is about, and the first digits of its weights' hash."""

    weights: str | None = None
    version: str = ""
