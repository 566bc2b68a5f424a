"""Sockets that connect through an ssh server, to where this machine cannot reach by itself. See `brokerless.ssh.tunnel`."""

from __future__ import annotations

from .tunnel import openssh_tunnel, paramiko_tunnel, ssh_tunnel, try_passwordless_ssh, tunnel_connection

__all__ = ["openssh_tunnel", "paramiko_tunnel", "ssh_tunnel", "try_passwordless_ssh", "tunnel_connection"]
