"""Which HTTP status a return code becomes."""

from __future__ import annotations

# Of each hundred, what its other codes become; then those that say more.
_HUNDREDS = {0: 200, 1: 502, 2: 502, 3: 500, 4: 400, 9: 500}
_CODES = {
    101: 503,  # no broker
    102: 404,  # nobody is bound
    202: 504,  # the device is silent
    301: 400,
    302: 400,
    303: 400,
    304: 400,
    305: 504,
    306: 405,
    307: 403,
    308: 400,
    310: 404,
    402: 502,  # the peer's reply is not valid
    403: 502,
    404: 504,  # no reply in time
}


def http_status(return_code: int) -> int:
    """Return the HTTP status for a return code of the mesh; codes of an application are errors of a service."""
    return _CODES.get(return_code) or _HUNDREDS.get(return_code // 100, 500)
