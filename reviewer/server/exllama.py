"""ExLlamaV2 0.3.2, loaded and well: the only place that knows its objects by name.

torch and exllamav2 are imported inside of functions, by the worker's process alone: the import
takes the GPU, and sets switches for the whole process.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from reviewer.errors import ConfigError
from reviewer.server import flash, mask, selftest
from reviewer.server import protocol as p
from reviewer.server.chat import PromptError
from reviewer.server.grammar import compiled
from reviewer.server.lint import Model, lint
from reviewer.server.plan import PAGE, plan
from reviewer.server.prompt import Prompter, TooLong, Turn
from reviewer.server.tensors import Tensor, header

CHUNK: Final = 2048
"""Tokens of a prompt that are read in one turn."""

WARM_BATCHES: Final = (1, 2, 3, 4)
WARM_TOKENS: Final = 256
"""The kernels of EXL2 try out their variants in some 220 launches for each of these batch sizes
(exllamav2_ext/cuda/q_gemm_autotune.cuh)."""


class Refused(Exception):
    """A machine or weights that will not do, and a second start would not help."""


@dataclass
class Engine:
    """A loaded model with its generator."""

    model: Any
    cache: Any
    generator: Any
    torch: Any
    facts: Model
    tokens: Any
    prompter: Prompter
    cache_tokens: int
    context: int
    planned: int
    """Bytes of GPU memory."""

    def job(self, submit: p.Submit) -> tuple[Any, Any]:
        """A request as the generator's job, and the mask of its grammar. Raises ValueError."""
        if len(submit.prompt) + submit.max_tokens > self.context:
            # The generator looks at pages alone, and would read past the tables of positions.
            raise ValueError("the request is longer than the context")
        held = None
        if submit.grammar is not None:
            held = self.filter(submit.grammar)
        ids = self.torch.tensor([submit.prompt], dtype=self.torch.long)
        made = import_module("exllamav2.generator").ExLlamaV2DynamicJob(
            input_ids=ids,
            max_new_tokens=submit.max_tokens,
            gen_settings=self.sampling(submit),
            seed=submit.seed,
            stop_conditions=list(self.facts.eos),
            filters=[held] if held is not None else None,
            identifier=submit.id,
        )
        return made, held

    def filter(self, grammar: str) -> Any:
        """The mask as what the generator takes for a filter. Raises ValueError."""
        base = import_module("exllamav2.generator.filters").ExLlamaV2Filter
        kind = type("Filter", (mask.JsonMask, base), {})
        return kind(self.tokens, grammar, self.facts.eos)

    def sampling(self, submit: p.Submit) -> Any:
        """Settings of the sampler; its own defaults would punish quoting what is in the prompt."""
        greedy = submit.temperature == 0
        return import_module("exllamav2.generator").ExLlamaV2Sampler.Settings(
            temperature=1.0 if greedy else submit.temperature,
            top_k=1 if greedy else submit.top_k,
            top_p=0.0 if greedy else submit.top_p,
            min_p=0.0,
            token_repetition_penalty=1.0,
        )

    def forget(self) -> None:
        """Wipe the cache: no page of one tenant is left for the next."""
        for tensor in (*self.cache.key_states, *self.cache.value_states):
            if tensor is not None:
                tensor.zero_()

    def is_oom(self, error: RuntimeError) -> bool:
        """Whether the GPU has no memory left; what is unused is given back."""
        if not isinstance(error, self.torch.cuda.OutOfMemoryError):
            return False
        self.torch.cuda.empty_cache()
        return True

    def memory(self) -> p.Stats:
        """Of the GPU, in bytes."""
        cuda = self.torch.cuda
        if cuda.memory_reserved() > self.planned:
            cuda.empty_cache()  # what it only holds for later is no growth
        total = cuda.mem_get_info()[1]
        return p.Stats(cuda.memory_allocated(), cuda.memory_reserved(), total)

    def warm(self) -> None:
        """Try all sizes of work once, then decide whether the engine is well. Raises Unwell."""
        small = import_module("exllamav2").ExLlamaV2Cache(self.model, max_seq_len=PAGE)
        selftest.causal(self.model, small, self.facts.vocab)
        del small
        prompt = self.prompter.ids([Turn("user", "Is all well? Answer in JSON.")], self.context)
        for batch in WARM_BATCHES:
            submits = [
                p.Submit(f"warm{n}", "", (*prompt, n + 1), WARM_TOKENS, 1.0, 1.0, n, 60.0)
                for n in range(batch)
            ]
            self._run(submits)
        long = (prompt * CHUNK)[: min(CHUNK, self.context - 1)]
        self._run([p.Submit("chunk", "", long, 1, 0.0, 1.0, 0, 60.0)])
        held = p.Submit("canary", "", prompt, 64, 0.0, 1.0, 0, 60.0, compiled(selftest.CANARY))
        selftest.canary(self._run([held])["canary"])
        self.generator.reset_page_table()
        self.forget()

    def _run(self, submits: list[p.Submit]) -> dict[str, str]:
        """The answers of some requests, by their names."""
        texts: dict[str, str] = {}
        for submit in submits:
            self.generator.enqueue(self.job(submit)[0])
        while len(texts) < len(submits):
            for result in self.generator.iterate():
                if result["eos"]:
                    texts[result["identifier"]] = result["full_completion"]
        return texts


def load(wanted: p.Load, say: Callable[[p.Progress], None]) -> Engine:
    """Load a model, whose files were checked. Raises Refused."""
    folder = Path(wanted.folder)
    say(p.Progress("import"))
    torch, library = _libraries()
    try:
        tensors = _tensors(folder)
        facts = lint(folder, tensors, wanted.head_dims)
        prompter = Prompter(folder)
        free = torch.cuda.mem_get_info()[0]
        made = plan(facts, tensors, free, wanted.cache_tokens, wanted.min_cache_tokens)
    except (ConfigError, PromptError, TooLong) as error:
        raise Refused(str(error)) from error
    torch.cuda.set_per_process_memory_fraction(0.98)
    context = min(wanted.context, made.cache_tokens)
    config = library.ExLlamaV2Config(str(folder))
    config.max_seq_len = context
    config.max_input_len = CHUNK
    config.max_attention_size = CHUNK**2
    config.max_output_len = selftest.LENGTH
    model = library.ExLlamaV2(config)
    model.load(callback=lambda done, total: say(p.Progress("load", done, total)))
    cache = library.ExLlamaV2Cache(model, max_seq_len=made.cache_tokens)
    tokenizer = library.ExLlamaV2Tokenizer(config)
    generator = import_module("exllamav2.generator").ExLlamaV2DynamicGenerator(
        model=model, cache=cache, tokenizer=tokenizer, max_batch_size=wanted.max_batch,
        max_chunk_size=CHUNK, paged=True,
    )  # fmt: skip
    text = (folder / "tokenizer.json").read_text("utf-8")
    tokens = mask.tokenizer(text, facts.vocab, facts.eos)
    return Engine(
        model, cache, generator, torch, facts, tokens, prompter, made.cache_tokens, context,
        made.total,
    )  # fmt: skip


def _libraries() -> tuple[Any, Any]:
    """Torch and exllamav2, with a flash attention that reads pages. Raises Refused."""
    try:
        torch = import_module("torch")
        # Before exllamav2, which takes a broken one for a reason not to load at all.
        flash.provide()
        library = import_module("exllamav2")
        attention = import_module("exllamav2.attn")
    except ImportError as error:
        raise Refused(
            f"cannot import {error.name or 'a library'} ({versions()}): {error}"[:500]
        ) from error
    if not torch.cuda.is_available():
        raise Refused("no-gpu: torch sees no GPU")
    if not attention.has_flash_attn_with_paged:
        raise Refused("flash-attn with a paged cache is missing: prompts would be read wrongly")
    return torch, library


def versions() -> str:
    """What has to be built for each other, in words."""
    told = [f"Python {sys.version.split()[0]}"]
    for name in ("torch", "exllamav2", "flash-attn"):
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            told.append(f"no {name}")
    return ", ".join(told)


def _tensors(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for place in sorted(folder.glob("*.safetensors")):
        with place.open("rb") as opened:
            found |= header(opened.fileno(), place.name)
    return found
