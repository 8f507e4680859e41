"""The caller's side, and the only room that knows ``aiohttp.web``: listener, guards, gateway, supervisor and workers."""
