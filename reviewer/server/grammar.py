"""A JSON schema as a grammar that decoding is held to: github.com/guidance-ai/llguidance."""

from llguidance import LLMatcher

from reviewer.server.failures import bad


def compiled(schema: str) -> str:
    """The grammar of a schema. Raises Failure (400) that names what cannot be enforced."""
    try:
        # White space between tokens would be the model's choice, and cost tokens.
        grammar = LLMatcher.grammar_from_json_schema(
            schema, overrides={"whitespace_flexible": False}
        )
        problem = LLMatcher.validate_grammar(grammar)
    except (ValueError, RecursionError) as error:
        raise bad("the schema is not right", "invalid_schema") from error
    if problem:
        # It goes on with a dump of the schema.
        line = problem.partition("\n")[0][:200]
        raise bad(f"the schema cannot be enforced: {line}", "invalid_schema")
    return str(grammar)
