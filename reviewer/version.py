"""The version, apart from all else so that `reviewer --version` imports nothing, and the home."""

VERSION = "0.1.0"

HOME = "https://github.com/OWNER/reviewer"
"""The project's page; what is published of it follows from here."""

RAW = f"{HOME.replace('github.com', 'raw.githubusercontent.com')}/main"
"""Its files as they are (docs.github.com, "Viewing a file")."""
