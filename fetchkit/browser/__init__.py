"""A browser of one's own: `find` it, `process.start` it, `driver.connect` to it, and it ends whole.

The first two need no event loop, so that the browser may start while the rest is still imported.
"""
