"""Renderings of a report, one file each."""
