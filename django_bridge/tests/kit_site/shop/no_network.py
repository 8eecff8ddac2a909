"""Nothing of Python may connect anywhere; the database's driver speaks through libpq."""

import socket


def refuse(*args, **kwargs):
    raise AssertionError(f"a connection to {args[1:] or kwargs}")


def block():
    socket.socket.connect = refuse
    socket.socket.connect_ex = refuse
    socket.getaddrinfo = refuse
