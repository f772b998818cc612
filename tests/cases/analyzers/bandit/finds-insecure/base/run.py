"""Runs jobs."""

import subprocess


def run(name):
    subprocess.run(["job", name], check=True)
