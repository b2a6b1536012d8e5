#!/usr/bin/python3
"""A connector of an earlier day: answers a host with what was recorded then, byte for byte.

Started by the host in a connector's place; beside it lies `session`. Of what the host says it reads only what an
operation's id is, with the messages of that day (the baseline): all else may have grown.
"""

import collections
import concurrent.futures
import os
import socket
import struct
import sys
import threading

import grpc

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, open(os.path.join(HERE, "compat")).read().strip())
import conversation  # noqa: E402
import old_day  # noqa: E402
import small_host  # noqa: E402


class Replay(grpc.GenericRpcHandler):
    def __init__(self, calls):
        self._calls = collections.defaultdict(collections.deque)
        for call in calls:
            self._calls[call.path].append(call)
        self._lock = threading.Lock()

    def service(self, details):
        path = details.method
        if path.endswith("Health/Check"):
            return grpc.stream_stream_rpc_method_handler(lambda requests, context: iter([b"\x08\x01"]))
        if path not in self._calls:
            return None

        def call(requests, context):
            with self._lock:
                waiting = self._calls[path]
                recorded = waiting.popleft() if len(waiting) > 1 else waiting[0]  # The last one again and again.
            if path.endswith("/Events"):
                for _ in requests:
                    pass
            elif path.endswith("/Apply"):
                yield from _apply(recorded, requests)
            else:
                next(requests, None)
                yield from recorded.replies()
            if recorded.code:
                if recorded.details:
                    context.set_trailing_metadata((("grpc-status-details-bin", recorded.details),))
                context.abort(next(code for code in grpc.StatusCode if code.value[0] == recorded.code), "as recorded")

        return grpc.stream_stream_rpc_method_handler(call)


def _apply(recorded, requests):
    """The recorded result of each operation, however the host of today batches them."""
    results = {}
    for data in recorded.replies():
        for result in old_day.message("ApplyReply").FromString(data).results.results:
            results[result.operation] = result
    for data in requests:
        for operation in old_day.message("ApplyRequest").FromString(data).operations.operations:
            reply = old_day.message("ApplyReply")()
            reply.results.results.append(results[operation.id])
            yield reply.SerializeToString()


def main():
    control, transport = socket.socket(fileno=3), socket.socket(fileno=4)
    transport.setblocking(True)
    size = struct.unpack(">I", control.recv(4, socket.MSG_WAITALL))[0]
    control.recv(size, socket.MSG_WAITALL)
    calls = conversation.load(os.path.join(HERE, "session"))
    path = os.path.join(HERE, "replay.sock")
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32), options=options)
    server.add_generic_rpc_handlers((Replay(calls[1:]),))
    server.add_insecure_port("unix:" + path)
    server.start()
    out = socket.socket(socket.AF_UNIX)
    out.connect(path)
    small_host.pump(transport, out)
    reply = calls[0].replies()[0]
    control.sendall(struct.pack(">I", len(reply)) + reply)
    while control.recv(256):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
