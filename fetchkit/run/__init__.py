"""Runs a page as a program: what it prints, its exit code, and nothing left behind."""
