"""Tests of `fetchkit run`: a process of its own, real builds, real browsers."""
