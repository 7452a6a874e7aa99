"""Xero's hosts on a port of this machine: TLS with a certificate of its own, in front of a served sandbox.

Clients that have Xero's addresses built in run unmodified: `node_redirect.cjs` turns their connections to this port.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

HOSTS = ("api.xero.com", "identity.xero.com", "login.xero.com")
REDIRECT = Path(__file__).with_name("node_redirect.cjs")
_CHUNK = 65_536


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for Xero's hosts that signs itself; return its file, and that of certificate and key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Xero's hosts in a test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    trusted, chain = folder / "trusted.pem", folder / "chain.pem"
    trusted.write_bytes(public)
    chain.write_bytes(public + private)
    return trusted, chain


@contextlib.contextmanager
def xero_hosts(url: str, folder: Path) -> Iterator[dict[str, str]]:
    """Serve Xero's hosts from a sandbox; yield the environment with which a Node program finds them."""
    trusted, chain = make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    target = (urlsplit(url).hostname, urlsplit(url).port)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, context, target), daemon=True)
        thread.start()
        yield {
            "NODE_OPTIONS": f"--require={REDIRECT}",
            "NODE_EXTRA_CA_CERTS": str(trusted),
            "XERO_HOSTS_PORT": str(listener.getsockname()[1]),
        }
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _accept(listener: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # closed: the test is over
            return
        threading.Thread(target=_serve, args=(connection, context, target), daemon=True).start()


def _serve(connection: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    """Pass what a client and the sandbox say to each other, until either ends."""
    with (
        contextlib.suppress(OSError),
        context.wrap_socket(connection, server_side=True) as client,
        socket.create_connection(target) as server,
    ):
        back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        back.start()
        _pass_on(client, server)
        back.join(10)


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(_CHUNK):
            sink.sendall(part)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def install(folder: Path, *packages: str) -> Path:
    """Install npm packages into a folder of their own, once.

    Without npm the test is skipped, and fails in CI; it is skipped everywhere when the registry lacks a package.
    """
    required = os.environ.get("REQUIRE_SERVICES") == "1"
    if not shutil.which("npm") or not shutil.which("node"):
        assert not required, "node and npm are needed to run clients of Xero that are written for Node"
        pytest.skip("node and npm are not installed")
    if (folder / "done").exists():
        return folder
    (folder / "package.json").write_text(json.dumps({"name": "client", "private": True}))
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", *packages]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        absent = "E404" in done.stderr
        reason = f"{' '.join(packages)}: " + ("the npm registry does not have it" if absent else done.stderr[-500:])
        assert absent or not required, reason
        pytest.skip(reason)
    (folder / "done").touch()
    return folder
