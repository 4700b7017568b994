"""What browsers and Emscripten report, as tables."""
