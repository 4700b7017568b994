"""A browser of one's own: `find` it, `process.start` it (no loop needed), `driver.connect` to it."""
