"""The mesh over HTTP. It needs aiohttp: the extra `http`."""
