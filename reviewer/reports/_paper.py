"""A page of text for a terminal, laid out by rich."""

import io
from collections.abc import Iterable, Sequence

from reviewer import text

Piece = tuple[str, str]
"""A text that is already fit for a terminal, and its style."""


class Paper:
    """What is written on it is measured and wrapped, never read as markup."""

    def __init__(self, width: int, *, colour: bool) -> None:
        # Rich takes a tenth of a second to import; other formats do without.
        from rich.cells import cell_len  # noqa: PLC0415
        from rich.console import Console  # noqa: PLC0415
        from rich.padding import Padding  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        self._file = io.StringIO()
        self._console = Console(
            file=self._file,
            width=width,
            force_terminal=colour,
            color_system="standard" if colour else None,
            no_color=not colour,
            legacy_windows=False,
            markup=False,
            emoji=False,
            highlight=False,
            _environ={},
        )
        self._padding, self._table, self._text = Padding, Table, Text
        self.cells = cell_len

    def line(self, *pieces: Piece, indent: int = 0, wrap: bool = True) -> None:
        """One paragraph; its further lines are indented like the first, or it is cut with "…"."""
        words = self._text.assemble(
            *pieces, overflow="fold" if wrap else "ellipsis", no_wrap=not wrap
        )
        self._console.print(self._padding(words, (0, 0, 0, indent)))

    def gap(self) -> None:
        self._console.print()

    def heading(self, words: str) -> None:
        self.gap()
        self.line((words, "bold"))

    def rows(self, rows: Iterable[Sequence[Piece]], indent: int = 2) -> None:
        """Columns as wide as their content; the last one takes what is left and wraps."""
        table = self._table.grid(padding=(0, 2, 0, 0))
        for row in rows:
            while len(table.columns) < len(row):
                table.add_column(overflow="fold")
            table.add_row(*(self._text(words, style) for words, style in row))
        self._console.print(self._padding(table, (0, 0, 0, indent)))

    def read(self) -> str:
        """The page, without white space at the ends of lines and without workflow commands."""
        lines = (line.rstrip(" ") for line in self._file.getvalue().split("\n"))
        return text.no_commands("\n".join(lines))


def plain(words: str) -> Piece:
    """A text as it came, made fit for a terminal."""
    return text.terminal(words), ""
