"""Faults as a pipe: what can go wrong with an answer, one small class each, composed from left to right."""
