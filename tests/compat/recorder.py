#!/usr/bin/python3
"""Stands between a host and a connector, and writes down what they say. Started by the host in the connector's place.

Beside it lie `real`, the path of the connector, and, at the end, `session`. Bytes go through as they are.
"""

import os
import socket
import struct
import sys
import threading
import concurrent.futures

import grpc

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.environ.get("SLUICE_COMPAT") or open(os.path.join(HERE, "compat")).read().strip())
import conversation  # noqa: E402
import small_host  # noqa: E402

_LOCK = threading.Lock()
_CALLS = []


def _write():
    with _LOCK:
        conversation.save(_CALLS, os.path.join(HERE, "session"), "Recorded by tests/compat/record.")


def _exactly(end, size):
    data = b""
    while len(data) < size:
        piece = end.recv(size - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data


def _frame(end):
    return _exactly(end, struct.unpack(">I", _exactly(end, 4))[0])


class Forward(grpc.GenericRpcHandler):
    """Every call, whatever its name, to the connector and back."""

    def __init__(self, channel):
        self._channel = channel

    def service(self, details):
        path = details.method

        def call(requests, context):
            record = conversation.Call(path, [])
            if "Health" not in path:
                with _LOCK:
                    _CALLS.append(record)

            def noted():
                for request in requests:
                    with _LOCK:
                        record.steps.append((">", request))
                    yield request

            replies = self._channel.stream_stream(path)(noted())
            context.add_callback(replies.cancel)
            try:
                for reply in replies:
                    with _LOCK:
                        record.steps.append(("<", reply))
                    yield reply
            except grpc.RpcError as problem:
                if problem.code() == grpc.StatusCode.CANCELLED and "Events" in path:
                    return
                trailing = [pair for pair in problem.trailing_metadata() or () if pair[0] == "grpc-status-details-bin"]
                record.code, record.details = problem.code().value[0], dict(trailing).get("grpc-status-details-bin", b"")
                _write()
                context.set_trailing_metadata(tuple(trailing))
                context.abort(problem.code(), problem.details())
            finally:
                _write()

        return grpc.stream_stream_rpc_method_handler(call)


def main():
    control, transport = socket.socket(fileno=3), socket.socket(fileno=4)
    transport.setblocking(True)
    own_control, child_control = socket.socketpair()
    own_transport, child_transport = socket.socketpair()
    ends = [small_host._high(end.fileno()) for end in (child_control, child_transport)]
    real = open(os.path.join(HERE, "real")).read().strip()
    os.posix_spawn(real, [real], {**os.environ, "SLUICE_CONTROL_FD": "3"},
                   file_actions=[(os.POSIX_SPAWN_DUP2, ends[0], 3), (os.POSIX_SPAWN_DUP2, ends[1], 4)])
    child_control.close()
    child_transport.close()
    for end in ends:
        os.close(end)
    request = _frame(control)
    own_control.sendall(struct.pack(">I", len(request)) + request)
    reply = _frame(own_control)
    _CALLS.append(conversation.Call("bootstrap", [(">", request), ("<", reply)]))
    folder = conversation.make_folder()
    inner, outer = os.path.join(folder, "inner"), os.path.join(folder, "outer")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(inner)
    listener.listen(1)
    threading.Thread(target=lambda: small_host.pump(listener.accept()[0], own_transport), daemon=True).start()
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32), options=options)
    server.add_generic_rpc_handlers((Forward(grpc.insecure_channel("unix:" + inner, options)),))
    server.add_insecure_port("unix:" + outer)
    server.start()
    out = socket.socket(socket.AF_UNIX)
    out.connect(outer)
    small_host.pump(transport, out)
    control.sendall(struct.pack(">I", len(reply)) + reply)
    while control.recv(256):
        pass
    _write()
    os._exit(0)


if __name__ == "__main__":
    main()
