"""How to verify an agent, and how to be verified by it."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path

import httpx


def ssl_context(verify: object, cert: object) -> ssl.SSLContext:
    """Return how to verify the agent, and how to be verified by it.

    Args:
        verify: True for the usual certificates (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured), False for none, a
            path of a file or folder of certificates, or a context that is ready.
        cert: A path of a file with certificate and key, or a tuple of the paths of the two, and of the key's password.

    Raises:
        TypeError: If one is of another type.
        ValueError: If a file cannot be read; the text names the argument or the variable, and the file.
    """
    if isinstance(verify, ssl.SSLContext):
        context = verify
    elif verify is True and cert is None and not _variables():
        return _shared_context()
    elif isinstance(verify, bool):
        context = _usual_context(verify=verify)
    elif isinstance(verify, str | os.PathLike) and os.fspath(verify):
        path = Path(os.fspath(verify))
        try:
            context = ssl.create_default_context(
                cafile=None if path.is_dir() else str(path), capath=str(path) if path.is_dir() else None
            )
        except OSError as error:
            raise ValueError(f"verify names {str(path)!r}, which holds no certificates: {error}") from None
    else:
        raise TypeError(f"verify must be a bool, a path or an ssl.SSLContext, not {type(verify).__name__} {verify!r}")
    if cert is not None:
        _present(context, cert)
    return context


@cache
def _shared_context() -> ssl.SSLContext:
    """Return the context of all clients that have nothing of their own: to read its certificates takes some 15 ms."""
    return _usual_context(verify=True)


def _variables() -> dict[str, str]:
    """Return what the environment says of certificates. The files that it names may change while a program runs."""
    return {name: os.environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)}


def _usual_context(*, verify: bool) -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context(verify=verify)
    except OSError as error:
        given = " and ".join(f"{name}={value!r}" for name, value in _variables().items())
        raise ValueError(f"{given or 'the system'} gives no certificates: {error}") from None


def _present(context: ssl.SSLContext, cert: object) -> None:
    """Have a context present the client's own certificate."""
    parts = cert if isinstance(cert, tuple) and len(cert) in (2, 3) else (cert,)
    if not all(isinstance(part, str | os.PathLike) for part in parts):
        raise TypeError(
            "cert must be a path, or a tuple of the paths of certificate and key, and of the key's password"
        )
    certificate, key, password = (*parts, None, None)[:3]
    asked = []

    def answer() -> str:
        # Without this OpenSSL would ask for a password on the terminal.
        asked.append(True)
        return password or ""

    try:
        context.load_cert_chain(certificate, key, answer)
    except (OSError, ValueError) as error:
        files = " and ".join(repr(os.fspath(path)) for path in (certificate, key) if path is not None)
        why = f"{error} (the key is locked by a password)" if asked else str(error)
        raise ValueError(f"cert names {files}, which cannot be used: {why}") from None
