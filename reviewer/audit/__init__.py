"""The log of all calls of models: hash-chained, keyed, without a word of prompt or answer."""
