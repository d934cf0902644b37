"""``python -m sandbox.evaluation --world default --seeds 20``."""

from sandbox.evaluation.command import command

command()
