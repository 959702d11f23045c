"""Messages and their encoding, without sockets, threads or clocks; the version of dripline.

::

    Message --codec.Encoder--> [Envelope, ...]                  one, or one for each chunk
    (properties, body) --body.read_part--> Part                 which chunk of which message
    Part --body.Joiner.add--> whole body                        None while chunks are missing
    (Part, whole body) --codec.read_message--> Message
    (Part, whole body) --codec.read_reply--> MsgReply           for whoever waits for it
    Part --codec.incomplete_message--> Message                  when its other chunks never came
"""

#: Version of the distribution.
VERSION = "6.0.0"

#: Version of the wire protocol; every peer on a mesh announces it under the name `dripline`.
PROTOCOL_VERSION = "3.0.0"


def reinstall() -> str:
    """Return the command that installs dripline again, from where pip installed it."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from shlex import quote
    from urllib.parse import unquote

    try:
        address = json.loads(distribution("dripline").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        address = {}
    editable = "--editable " if address.get("dir_info", {}).get("editable") else ""
    origin = unquote(address.get("url", "dripline").removeprefix("file://"))
    return f"pip install --force-reinstall --no-deps {editable}{quote(origin)}"
