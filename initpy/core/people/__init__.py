"""Prompts, questions, requests and stops: where a user decides."""
