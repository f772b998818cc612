"""One module a command: it puts the parts together and hands them the work."""
