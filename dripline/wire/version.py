"""Which dripline this is."""

#: Version of the distribution.
VERSION = "6.0.0"

#: Version of the wire protocol; every peer on a mesh announces it under the name `dripline`.
PROTOCOL_VERSION = "3.0.0"
