"""dripline.transport.tls: files of certificates, and what may be wrong with them."""

import logging
import os
import ssl
from pathlib import Path

import pytest
from support.certificates import Certificates

from dripline.errors import ConfigurationError
from dripline.transport.address import TlsSettings
from dripline.transport.tls import check_certificate, client_context

_LOCKED = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority and what it has signed."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


def mistake(**settings):
    """The one line about files that cannot be used."""
    with pytest.raises(ConfigurationError) as caught:
        client_context(TlsSettings(**settings))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_verification_is_on_unless_it_is_turned_off(certificates):
    """Certificate and name are verified, with the authorities of the system or those given."""
    for tls in (TlsSettings(), TlsSettings(certificates.ca)):
        context = client_context(tls)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert client_context(TlsSettings(verify=False)).verify_mode == ssl.CERT_NONE


def test_certificate_and_key_may_be_in_one_file(certificates, tmp_path):
    """Then only that one is named."""
    both = tmp_path / "both.pem"
    both.touch(mode=0o600)
    client = certificates.client
    both.write_text(Path(client.certificate).read_text() + Path(client.key).read_text())
    check_certificate(str(both), None)


def test_a_file_that_is_not_there_is_named(certificates, tmp_path):
    """With the setting that names it."""
    gone = str(tmp_path / "gone.pem")
    assert mistake(ca_file=gone).startswith(f"ca_file {gone}: No such file")
    assert mistake(certificate_file=gone).startswith(f"certificate_file {gone}: No such file")
    key = mistake(certificate_file=certificates.client.certificate, key_file=gone)
    assert key.startswith(f"key_file {gone}: No such file")
    assert "null" in mistake(ca_file="a\0b")


def test_a_file_in_another_form_is_told_with_what_converts_it(certificates, tmp_path):
    """DER, or a key where a certificate should be."""
    der = tmp_path / "ca.der"
    der.write_bytes(ssl.PEM_cert_to_DER_cert(Path(certificates.ca).read_text()))
    assert f"openssl x509 -inform DER -in {der}" in mistake(ca_file=str(der))
    assert "no certificate in PEM form" in mistake(ca_file=certificates.client.key)
    text = mistake(certificate_file=certificates.client.certificate)
    assert "no key in PEM form" in text
    assert "key_file (--key)" in text


def test_a_damaged_file_is_told(tmp_path):
    """PEM around nonsense."""
    damaged = tmp_path / "ca.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n")
    assert str(damaged) in mistake(ca_file=str(damaged))


def test_a_key_of_another_certificate_is_told(certificates):
    """Both files are named."""
    text = mistake(certificate_file=certificates.client.certificate, key_file=certificates.server.key)
    assert text.startswith(f"the key in {certificates.server.key} does not belong to the certificate in ")


def test_a_locked_key_never_asks_at_the_terminal(certificates, tmp_path):
    """A service has nobody who could type; the remedy is told instead."""
    locked = tmp_path / "locked.pem"
    locked.write_text(_LOCKED)
    os.chmod(locked, 0o600)
    text = mistake(certificate_file=certificates.client.certificate, key_file=str(locked))
    assert "locked with a passphrase" in text
    assert f"openssl pkey -in {locked}" in text


def test_a_key_that_others_can_read_gives_one_warning(certificates, tmp_path, caplog):
    """However often it is read."""
    key = tmp_path / "open key.pem"
    key.write_text(Path(certificates.client.key).read_text())
    os.chmod(key, 0o644)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            check_certificate(certificates.client.certificate, str(key))
    assert [record.getMessage() for record in caplog.records] == [
        f"other users can read the key in {key}; chmod 600 '{key}'"
    ]
