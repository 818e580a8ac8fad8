"""Ours beside other people's extensions in a real WebUI: `python -m tests.live.beside` writes docs/neighbours.md."""
