"""A domain controller that is busy, slow, or refuses: stands between a client and a real one, over TLS on both sides.

    faulty_directory.py --listen IP --server IP --cert FILE --key FILE --port-file FILE --rules FILE --log FILE

Every request that passes is a line of the log: its kind, and how many members it names. The rules are a JSON list, read
again when the file changes; the first that fits a request counts:

    {"request": "modify", "contains": "member", "times": 3, "answer": 51, "text": "", "delay": 0.5, "cut": true}

A request that is answered never reaches the controller; with "done" it does, and only its answer is replaced by a cut.
Names and values pass through and are never written down.
"""
import argparse
import json
import os
import select
import socket
import ssl
import threading
import time

KINDS = {0x60: "bind", 0x42: "unbind", 0x63: "search", 0x66: "modify", 0x68: "add", 0x4A: "delete", 0x6C: "rename",
         0x50: "abandon", 0x77: "extended"}
ANSWERS = {"search": 0x65, "modify": 0x67, "add": 0x69, "delete": 0x6B, "rename": 0x6D}


def length_at(data, at):
    """The length that begins there, and where what it measures begins; None: not all of it is there."""
    if len(data) <= at:
        return None
    first = data[at]
    if first < 0x80:
        return first, at + 1
    size = first & 0x7F
    if len(data) < at + 1 + size:
        return None
    return int.from_bytes(data[at + 1:at + 1 + size], "big"), at + 1 + size


def messages_of(buffer):
    """Whole LDAP messages at the beginning of a buffer, which they are taken from."""
    found = []
    while True:
        measured = length_at(buffer, 1)
        if measured is None or len(buffer) < measured[0] + measured[1]:
            return found
        end = measured[0] + measured[1]
        found.append(bytes(buffer[:end]))
        del buffer[:end]


def encoded(tag, content):
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    measure = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(measure)]) + measure + content


class Rules:
    def __init__(self, path):
        self.path, self.lock, self.read_at, self.rules = path, threading.Lock(), None, []

    def for_request(self, kind, message):
        with self.lock:
            changed = os.stat(self.path).st_mtime_ns
            if changed != self.read_at:
                self.read_at = changed
                with open(self.path) as file:
                    self.rules = json.load(file)
            for rule in self.rules:
                if rule.get("request", kind) != kind or rule.get("times", 1) <= 0:
                    continue
                if rule.get("contains", "").encode() not in message:
                    continue
                if "times" in rule:
                    rule["times"] -= 1
                return dict(rule)
        return {}


class Connection(threading.Thread):
    def __init__(self, client, options, rules, log):
        super().__init__(daemon=True)
        self.client, self.options, self.rules, self.log = client, options, rules, log

    def run(self):
        try:
            inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            inside.load_cert_chain(self.options.cert, self.options.key)
            self.client = inside.wrap_socket(self.client, server_side=True)
            outside = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            outside.check_hostname = False
            outside.verify_mode = ssl.CERT_NONE  # A throw-away controller on this machine.
            server = outside.wrap_socket(socket.create_connection((self.options.server, 636)))
            self.relay(server)
            server.close()
        except (OSError, ssl.SSLError):
            pass
        self.client.close()

    def relay(self, server):
        buffer = bytearray()
        while True:
            ready = [one for one in (self.client, server) if one.pending()]
            if not ready:
                ready = select.select([self.client, server], [], [])[0]
            if server in ready:
                data = server.recv(65536)
                if not data:
                    return
                self.client.sendall(data)
            if self.client in ready:
                data = self.client.recv(65536)
                if not data:
                    return
                buffer += data
                for message in messages_of(buffer):
                    if not self.take(message, server):
                        return

    def take(self, message, server):
        at = length_at(message, 1)[1]
        number = message[at:at + 2 + message[at + 1]]
        kind = KINDS.get(message[at + len(number)], "other")
        rule = self.rules.for_request(kind, message)
        members = message.count(b"<GUID=") - 1 if kind == "modify" and b"member" in message else 0
        with self.log[0]:
            self.log[1].write(f"{kind} {members} {rule.get('answer', '')}\n")
            self.log[1].flush()
        time.sleep(rule.get("delay", 0))
        if "answer" in rule:
            result = encoded(0x0A, bytes([rule["answer"]])) + encoded(0x04, b"") + encoded(0x04, rule.get("text", "").encode())
            self.client.sendall(encoded(0x30, number + encoded(ANSWERS[kind], result)))
            return True
        if not rule.get("cut") or rule.get("done"):
            server.sendall(message)
        return not rule.get("cut")


def main():
    parser = argparse.ArgumentParser()
    for name in ("listen", "server", "cert", "key", "port-file", "rules", "log"):
        parser.add_argument("--" + name, required=True)
    options = parser.parse_args()
    listener = socket.create_server((options.listen, 0), backlog=64)
    with open(options.port_file + ".new", "w") as file:
        file.write(str(listener.getsockname()[1]))
    os.rename(options.port_file + ".new", options.port_file)
    rules, log = Rules(options.rules), (threading.Lock(), open(options.log, "a"))
    while True:
        Connection(listener.accept()[0], options, rules, log).start()


if __name__ == "__main__":
    main()
