"""Files of certificates and keys, and what may be wrong with them."""

from __future__ import annotations

import os
import ssl

from dripline.errors import ConfigurationError
from scarab.secret_files import warn_if_others_can_read

_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_KEY = "PRIVATE KEY-----"


def load_authorities(context: ssl.SSLContext, ca_file: str) -> None:
    """Let a context trust the authorities in a file.

    Raises:
        ConfigurationError: It cannot be read or holds no certificate.
    """
    _require(_CERTIFICATE, "certificate", "ca_file", ca_file)
    try:
        context.load_verify_locations(cafile=os.path.expanduser(ca_file))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"ca_file {ca_file}: damaged: {_reason(error)}") from None


def check_certificate(certificate_file: str, key_file: str | None) -> None:
    """Find out whether a certificate could be shown; raises what `load_certificate` does."""
    load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate_file, key_file)


def load_certificate(context: ssl.SSLContext, certificate_file: str, key_file: str | None) -> None:
    """Let a context show a certificate.

    Args:
        context: The context.
        certificate_file: The certificate, and perhaps those up to its authority.
        key_file: Its key; None when that is in the same file.

    Raises:
        ConfigurationError: A file cannot be read, holds something else, or the two do not belong together.
    """
    _require(_CERTIFICATE, "certificate", "certificate_file", certificate_file)
    name, place = ("key_file", key_file) if key_file is not None else ("certificate_file", certificate_file)
    text = _require(_KEY, "key", name, place)
    warn_if_others_can_read(place, "key")
    if "ENCRYPTED" in text:
        raise ConfigurationError(
            f"{name} {place}: the key is locked with a passphrase, which nobody can type here; "
            f"openssl pkey -in {place} -out unlocked-key.pem, then chmod 600 unlocked-key.pem"
        )
    try:
        context.load_cert_chain(os.path.expanduser(certificate_file), os.path.expanduser(place))
    except (OSError, ValueError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            text = (
                f"the key in {place} does not belong to the certificate in {certificate_file}; name the right ones"
            )
        else:
            text = f"certificate {certificate_file} with key {place} cannot be used: {_reason(error)}"
        raise ConfigurationError(text) from None


def _require(mark: str, what: str, setting: str, path: str) -> str:
    """The text of a PEM file, with what it has to hold in it."""
    try:
        with open(os.path.expanduser(path), "rb") as file:
            text = file.read().decode("ascii", "replace")
    except (OSError, ValueError) as error:  # a name with a zero in it is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{setting} {path}: {reason}; name a PEM file that can be read") from None
    if mark not in text:
        option = "pkey" if what == "key" else "x509"
        converted = f"openssl {option} -inform DER -in {path} converts one"
        other = ", or name it as key_file (--key)" if what == "key" and setting == "certificate_file" else ""
        raise ConfigurationError(f"{setting} {path}: no {what} in PEM form in it; {converted}{other}")
    return text


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)
