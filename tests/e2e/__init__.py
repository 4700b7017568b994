"""Programs that emcc builds during the test, run in Chromium, served by fetchkit as its users start it."""
