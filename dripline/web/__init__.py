"""HTTP interface to the mesh; requires aiohttp (extra `http`)."""
