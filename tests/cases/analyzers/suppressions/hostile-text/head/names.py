x = 1  # type: ignore[`<b>x</b>`, ‮evil]
