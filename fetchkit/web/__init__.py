"""Where fetchkit meets aiohttp: what the routes of every feature share."""
