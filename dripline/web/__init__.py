"""The mesh over HTTP. It needs aiohttp: `pip install 'dripline[http]'`."""
