"""Certificates for tests: an authority, what it has signed, and what nobody should accept."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, each in a PEM file."""

    certificate: str
    key: str


class Certificates:
    """An authority and certificates, in a folder.

    Attributes:
        ca: PEM file of the authority's certificate.
        other_ca: One of an authority that has signed nothing here.
        server: For ``localhost`` and 127.0.0.1.
        expired: The same, over since yesterday.
        elsewhere: For another host.
        client: For a member of the mesh.
        stranger: For one too, but signed by the other authority.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        authority, other = trustme.CA(), trustme.CA()
        self.ca, self.other_ca = str(folder / "ca.pem"), str(folder / "other-ca.pem")
        authority.cert_pem.write_to_path(self.ca)
        other.cert_pem.write_to_path(self.other_ca)
        self.server = self._write("server", authority.issue_cert("localhost", "127.0.0.1"))
        yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
        self.expired = self._write("expired", authority.issue_cert("127.0.0.1", not_after=yesterday))
        self.elsewhere = self._write("elsewhere", authority.issue_cert("broker.example.org"))
        self.client = self._write("client", authority.issue_cert("lab@example.org", common_name="lab"))
        self.stranger = self._write("stranger", other.issue_cert("lab@example.org"))

    def _write(self, name: str, leaf: trustme.LeafCert) -> Certificate:
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        leaf.cert_chain_pems[0].write_to_path(str(certificate))
        key.touch(mode=0o600)
        leaf.private_key_pem.write_to_path(str(key))
        return Certificate(str(certificate), str(key))
