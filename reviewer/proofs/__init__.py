"""Whether a suggested edit may be offered: it has to apply, to parse, and to keep code clean."""
