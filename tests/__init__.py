"""Tests; the folders mirror those of fetchkit."""
