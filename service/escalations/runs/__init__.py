"""Runs of ladders: who was told, who took it, and what is told next."""
