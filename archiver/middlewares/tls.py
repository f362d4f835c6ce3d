"""What went wrong with a TLS connection, in words: Scrapy says only that the connection failed."""

from __future__ import annotations

from collections.abc import Iterator

from OpenSSL import SSL
from service_identity import VerificationError
from service_identity.exceptions import CertificateError

_UNTRUSTED = "its certificate cannot be trusted: it is self-signed, out of date, or of an unknown authority"


def tls_problem(error: BaseException | None) -> str:
    """Why no secure connection was made (RFC 9110, section 4.3.4); "" where this is no such error."""
    for cause in _causes(error):
        if isinstance(cause, (VerificationError, CertificateError)):
            return "its certificate is for another host"
        if isinstance(cause, SSL.Error):
            told = [str(row[-1]) for row in cause.args[0]] if cause.args and isinstance(cause.args[0], list) else []
            if "certificate verify failed" in told:
                return _UNTRUSTED
            return f"no secure connection could be made ({told[-1] if told else 'it was broken off'})"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came of: its cause, and the failures that Twisted collects in `reasons`."""
    while error is not None:
        yield error
        for reason in getattr(error, "reasons", None) or ():
            value = getattr(reason, "value", None)
            if isinstance(value, BaseException):
                yield value
        error = error.__cause__
