"""New accounts in a fresh domain: ours against a minimal LDIF that `ldapadd` loads to the same end state."""

import base64
import os
import secrets
import socket
import threading

from stage import Failed, Twin, median_pair, pairs, say, timed, verdict

WRITTEN = ["objectClass", "cn", "sAMAccountName", "givenName", "sn", "displayName", "employeeID", "userAccountControl"]
ACCOUNTS = "(&(objectClass=user)(employeeID=*))"
PLACES = "(&(objectClass=organizationalUnit)(!(ou=Domain Controllers)))"


def enabled_with_passwords(stage):
    return measure(stage, "accounts, enabled, with passwords", True)


def disabled_without_passwords(stage):
    return measure(stage, "accounts, disabled, without", False)


def measure(stage, name, enabled):
    people, count = 100 if stage.quick else 2000, stage.pairs(5)
    say(f"{name}: {people} people")
    twin = stage.start(Twin, people + 1, 0)  # One of them has a name that is too long for a directory.
    folder_of = lambda domain: stage.write_folder(twin, domain, pupils_only=True, groups=False, access=enabled, passwords=enabled)
    wanted = []

    def ours():
        domain = stage.domain()
        host = prepared(stage, folder_of(domain), domain)
        seconds = timed(lambda: carry_out(host))
        found = end_state(domain)
        if not wanted:
            wanted.append(found)
        check(found, wanted[0], people)
        stage.finish(host)
        stage.finish(domain)
        return seconds

    def peer():
        domain = stage.domain()
        ldif = os.path.join(stage.folder, "accounts.ldif")
        write_ldif(ldif, wanted[0], enabled)
        seconds = timed(lambda: domain.load(ldif))
        check(end_state(domain), wanted[0], people)
        stage.finish(domain)
        return seconds

    seconds = pairs(stage, count, ours, peer)
    mine, theirs, ratio = median_pair(seconds)
    requests = count_requests(stage, folder_of)
    return [verdict(name, f"{people / mine:.0f}/s", f"{people / theirs:.0f}/s ldapadd", f"{ratio:.2f}", ">= 0.8", ratio >= 0.8),
            {"name": "  requests an account", "ours": f"{requests:.2f}", "peer": "1.00", "ratio": "", "goal": "", "verdict": ""}]


def prepared(stage, folder, domain):
    """A host that has read the source; the directory is still unknown to it."""
    host = stage.host(folder, domain)
    host.run("import", "somtoday")
    return host


def carry_out(host):
    """Everything that the directory has to do with: reading and correlating it, the plan, carrying it out."""
    host.run("import", "ad")
    host.run("system", "activate", "ad", "--reason", "bench")
    host.run("enforce")


def end_state(domain):
    places = sorted(entry["dn"][0].strip() for entry in domain.search(PLACES, "dn"))
    return {"places": sorted(places, key=len), "accounts": sorted(
        (tuple((name, tuple(sorted(entry.get(name, [])))) for name in ["dn", *WRITTEN]) for entry in domain.search(ACCOUNTS, *WRITTEN)))}


def check(found, wanted, people):
    if len(found["accounts"]) != people:
        raise Failed(f"{len(found['accounts'])} accounts are there instead of {people}")
    if found != wanted:
        differing = [pair for pair in zip(found["accounts"], wanted["accounts"]) if pair[0] != pair[1]][:1]
        raise Failed(f"the end states differ: {differing or (found['places'], wanted['places'])}")


def write_ldif(path, state, enabled):
    with open(path, "w") as file:
        for dn in state["places"]:
            file.write(f"dn: {dn}\nobjectClass: organizationalUnit\n\n")
        for account in state["accounts"]:
            for name, values in account:
                # One objectClass brings the others; Active Directory names the object by its DN.
                if name in ("objectClass", "cn"):
                    continue
                file.writelines(f"{name}:{value}\n" for value in values)
            file.write("objectClass: user\n")
            if enabled:
                quoted = f'"{secrets.token_urlsafe(12)}.Aa1"'.encode("utf-16-le")
                file.write(f"unicodePwd:: {base64.b64encode(quoted).decode()}\n")
            file.write("\n")


class Relay:
    """Passes a connection through and counts what the client sends: each request is a TLS record of its own."""

    def __init__(self, ip):
        self.ip, self.records, self.closed = ip, 0, False
        self.listener = socket.create_server((ip, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection((self.ip, 636))
            threading.Thread(target=self.up, args=(client, server), daemon=True).start()
            threading.Thread(target=self.down, args=(server, client), daemon=True).start()

    def up(self, client, server):
        pending = b""
        while data := self.receive(client):
            server.sendall(data)
            pending += data
            while len(pending) >= 5 and len(pending) >= 5 + int.from_bytes(pending[3:5], "big"):
                self.records += pending[0] == 23  # Application data.
                pending = pending[5 + int.from_bytes(pending[3:5], "big"):]
        server.close()

    def down(self, server, client):
        while data := self.receive(server):
            client.sendall(data)
        client.close()

    @staticmethod
    def receive(side):
        try:
            return side.recv(65536)
        except OSError:
            return b""

    def end(self):
        self.closed = True
        self.listener.close()


def count_requests(stage, folder_of):
    """Requests for each account of another, smaller first day, beyond what reading an empty directory takes."""
    domain = stage.domain()
    relay = Relay(domain.ip)
    stage.things.append(relay)
    domain.uri = f"ldaps://{domain.ip}:{relay.port}"
    host = prepared(stage, folder_of(domain), domain)
    carry_out(host)
    stage.finish(host)
    domain.uri = f"ldaps://{domain.ip}"
    people = len(domain.search(ACCOUNTS, "dn"))
    stage.finish(relay)
    stage.finish(domain)
    return relay.records / people
