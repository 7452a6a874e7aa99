"""Run the command by the server of `command_server.py`: `python -I -S command_client.py NAME ARGUMENT…`."""

import array
import marshal
import os
import signal
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(f"\0{sys.argv[1]}")
    ignored = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is signal.SIG_IGN]
    folder = os.getcwd()  # noqa: PTH109 (it imports little)
    request = marshal.dumps((sys.argv[2:], dict(os.environ), folder, [int(number) for number in ignored]))
    streams = array.array("i", (0, 1, 2))
    size = len(request).to_bytes(8, "big")
    connection.sendmsg([size], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    connection.sendall(request)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number not in ignored:
            signal.signal(number, lambda number, _frame: connection.sendall(bytes([number])))
    for stream in (0, 1, 2):
        os.close(stream)  # the command has them: who reads must see when it ends
    status = connection.recv(2)
    if len(status) < 2:
        os._exit(70)
    code = int.from_bytes(status, "big", signed=True)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
