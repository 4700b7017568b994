"""Rules of HTTP that several features share. Pure: bytes and values in, values out."""
