"""The programs that a benchmark needs: a domain controller, a simulated Somtoday, a host. Each benchmark has a Stage of its own, which ends
and removes everything that was started on it."""

import fcntl
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import time
import urllib.request

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLIENT, SECRET = "waterlanden-sluice", "somtoday-secret"


class Failed(Exception):
    """It could not be measured; the message is for people."""


def say(text):
    print(text, flush=True)


def call(command, **options):
    """Runs a program to its end and gives what it printed."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if result.returncode != 0:
        raise Failed(f"{' '.join(map(str, command[:6]))}: {(result.stderr or result.stdout).strip()[-800:]}")
    return result.stdout


def timed(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began


def verdict(name, ours, peer, ratio, goal, is_met):
    return {"name": name, "ours": ours, "peer": peer, "ratio": ratio, "goal": goal, "verdict": "met" if is_met else "MISSED"}


def pairs(stage, count, ours, peer):
    """Runs both `count` times, in turn, each first every other time; gives the seconds of each pair."""
    result = []
    for number in range(count):
        order = [("ours", ours), ("peer", peer)]
        seconds = {name: work() for name, work in (order if number % 2 == 0 else order[::-1])}
        result.append((seconds["ours"], seconds["peer"]))
        say(f"  pair {number + 1}: ours {seconds['ours']:.2f} s, peer {seconds['peer']:.2f} s, "
            f"{seconds['peer'] / seconds['ours']:.2f} of its rate")
    return result


def median_pair(seconds):
    """The medians of ours and the peer's, and the median of the pairs' ratios (above 1: we are faster)."""
    return (statistics.median(pair[0] for pair in seconds), statistics.median(pair[1] for pair in seconds),
            statistics.median(pair[1] / pair[0] for pair in seconds))


class Process:
    def __init__(self, command, log, environment):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)

    def wait_for(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"{self.process.args[0]} did not start: {open(self.log).read()[-800:]}")
            time.sleep(0.01)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Domain:
    """A fresh Active Directory, unpacked from one that was made once."""

    def __init__(self, stage, folder):
        self.stage, self.folder, self.lock = stage, folder, None
        for last in range(80, 90):
            lock = open(f"/tmp/sluice-samba-127.0.0.{last}.lock", "w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            self.lock, self.ip = lock, f"127.0.0.{last}"
            break
        if self.lock is None:
            raise Failed("directories listen on 127.0.0.80 to .89 already")
        self.script("unpack", stage.packed_domain(), folder)
        self.script("start", folder)
        for line in self.script("env", folder).splitlines():
            name, value = line.removeprefix("export ").split("=", 1)
            setattr(self, name.removeprefix("AD_").lower(), value.strip("'"))
        self.environment = {**os.environ, "LDAPTLS_CACERT": self.ca, "LC_ALL": "C.UTF-8"}
        self.password_file = os.path.join(folder, "password")
        with open(self.password_file, "w") as file:
            file.write(self.__dict__["pass"])

    def script(self, *arguments):
        return call([f"{SOURCE}/scripts/samba-ad", *arguments], env={**os.environ, "AD_IP": self.ip})

    def end(self):
        self.script("stop", self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lock.close()

    def sign_in(self, uri=None):
        return ["-x", "-H", uri or self.uri, "-D", self.bind, "-y", self.password_file]

    def search(self, filter_text, *attributes):
        """Entries as {attribute: [values]}, base64 left as "::" values are."""
        text = call(["ldapsearch", "-LLL", "-o", "ldif_wrap=no", *self.sign_in(), "-b", self.base, "-E", "pr=1000/noprompt",
                     filter_text, *attributes], env=self.environment)
        entries = []
        for block in text.split("\n\n"):
            entry = {}
            for line in block.splitlines():
                if line and not line.startswith("#"):
                    name, value = line.split(":", 1)
                    entry.setdefault(name, []).append(value)
            if "dn" in entry:
                entries.append(entry)
        return entries

    def load(self, ldif, uri=None):
        """ldapadd on one connection, as it comes."""
        call(["ldapadd", *self.sign_in(uri), "-f", ldif], env=self.environment)


class Twin:
    def __init__(self, stage, pupils, staff, locations=3):
        self.clock = os.path.join(stage.folder, "clock")
        stage.set_time("2026-11-24T03:30:00+01:00")
        port_file = os.path.join(stage.folder, "port")
        if os.path.exists(port_file):
            os.remove(port_file)
        self.process = Process([stage.program("somtoday-twin"), "--pupils", str(pupils), "--staff", str(staff), "--locations", str(locations),
                                "--seed", "7", "--clock", self.clock, "--port-file", port_file, "--client-id", CLIENT, "--client-secret", SECRET],
                               os.path.join(stage.folder, "twin.log"), os.environ)
        self.process.wait_for(lambda: os.path.exists(port_file), 120)
        self.url = f"http://127.0.0.1:{open(port_file).read().strip()}"

    def ask(self, method, path, body=None):
        request = urllib.request.Request(f"{self.url}/__sim/{path}", method=method, data=body)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def end(self):
        self.process.end()


class Host:
    """`sluiced` on a state of its own, driven through `sluice --json`."""

    def __init__(self, stage, name, folder, domain=None):
        self.stage, self.state = stage, os.path.join(stage.folder, name)
        self.socket = os.path.join(stage.folder, name + ".sock")
        self.environment = {"PATH": "/usr/bin:/bin", "SOMTODAY_CLIENT_ID": CLIENT, "SOMTODAY_CLIENT_SECRET": SECRET,
                            "AD_BIND": domain.bind if domain else "none", "AD_PASSWORD": domain.__dict__["pass"] if domain else "none"}
        self.process = Process([stage.program("sluiced"), "--config", folder, "--state", self.state, "--socket", self.socket, "--plugins",
                                f"{stage.build}/plugins", "--clock", os.path.join(stage.folder, "clock")], self.state + ".log", self.environment)
        self.process.wait_for(self.answers)

    def answers(self):
        return os.path.exists(self.socket) and subprocess.run(
            [self.stage.program("sluice"), "status", "--socket", self.socket], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def run(self, *arguments):
        out = call([self.stage.program("sluice"), *arguments, "--json", "--socket", self.socket])
        return json.loads(out) if out.strip() else {}

    def peak_memory(self):
        """MiB that were resident at most since the last call."""
        pid = self.process.process.pid
        peak = next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM"))
        with open(f"/proc/{pid}/clear_refs", "w") as file:
            file.write("5")
        return peak / 1024

    def store_size(self):
        """Bytes that the state takes, without what is free in its file."""
        with sqlite3.connect(f"file:{self.state}/sluice.db?mode=ro", uri=True) as state:
            size, pages, free = (state.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count"))
        return size * (pages - free)

    def end(self):
        self.process.end()
        shutil.rmtree(self.state, ignore_errors=True)


class Stage:
    def __init__(self, folder, build, quick, most_pairs):
        self.folder, self.build, self.quick, self.most_pairs, self.things, self.count = folder, build, quick, most_pairs, [], 0

    def pairs(self, wanted):
        return min(wanted, 1 if self.quick else self.most_pairs)

    def program(self, name):
        path = f"{self.build}/bin/{name}"
        if not os.path.exists(path):
            raise Failed(f"{path} was not built")
        return path

    def set_time(self, text):
        with open(os.path.join(self.folder, "clock.new"), "w") as file:
            file.write(text + "\n")
        os.rename(os.path.join(self.folder, "clock.new"), os.path.join(self.folder, "clock"))

    def packed_domain(self):
        """Made once for each build directory."""
        packed = f"{self.build}/samba/domain.tar.zst"
        if not os.path.exists(packed):
            os.makedirs(os.path.dirname(packed), exist_ok=True)
            fresh = os.path.join(self.folder, "fresh")
            script = f"{SOURCE}/scripts/samba-ad"
            call([script, "provision", fresh])
            call([script, "pack", fresh, packed + ".new"])
            os.rename(packed + ".new", packed)
            shutil.rmtree(fresh)
        return packed

    def start(self, kind, *arguments, **named):
        thing = kind(self, *arguments, **named)
        self.things.append(thing)
        return thing

    def name(self, prefix):
        self.count += 1
        return f"{prefix}{self.count}"

    def domain(self):
        return self.start(Domain, os.path.join(self.folder, self.name("ad")))

    def host(self, folder, domain=None):
        return self.start(Host, self.name("host"), folder, domain)

    def finish(self, thing):
        self.things.remove(thing)
        thing.end()

    def end(self):
        while self.things:
            self.things.pop().end()

    def write_folder(self, twin, domain=None, pupils_only=False, groups=True, access=True, passwords=True):
        """The tests' school with limits that let a first day through; fewer rules where a peer does less."""
        folder = os.path.join(self.folder, self.name("conf"))
        shutil.copytree(f"{SOURCE}/tests/data/configuration/waterlanden", folder)
        keys = f"{folder}-keys"
        os.mkdir(keys, 0o700)

        def edit(file, *changes):
            path = os.path.join(folder, file)
            text = open(path).read()
            for old, new in changes:
                if old not in text:
                    raise Failed(f"{file} of the tests' configuration does not hold {old!r} any more")
                text = text.replace(old, new)
            open(path, "w").write(text)

        edit("sluice.yaml", ("{ secrets: env:SLUICE_SECRETS_KEY, seal: env:SLUICE_SEAL_KEY }",
                             f'{{ secrets: "file:{keys}/secrets", seal: "file:{keys}/seal" }}'))
        edit("systems/somtoday.yaml",
             ("settings:\n", f"settings:\n  api_url: {twin.url}/rest/v1\n  token_url: {twin.url}/inloggen/oauth2/token\n"),
             ("people_added: { count: 100 }", "people_added: { count: 1000000 }"), ("held_back: { count: 20 }", "held_back: { count: 1000000 }"))
        contracts = ["placement"] + ["class_group"] * groups + ["employment"] * (not pupils_only)
        edit("systems/somtoday.yaml", ("contracts: [placement, class_group, employment]", f"contracts: [{', '.join(contracts)}]"))
        if pupils_only:
            edit("systems/somtoday.yaml", ("people: [pupils, staff]", "people: [pupils]"))
        if not groups:
            path = os.path.join(folder, "systems/somtoday.yaml")
            text = open(path).read()
            open(path, "w").write(text[:text.index("contract:\n")])
        if domain is None:  # The rules are evaluated; their target is not there.
            return folder
        rules = os.path.join(folder, "rules/pupils.yaml")
        parts = open(rules).read().split("\n\n")
        if not groups:
            parts = parts[:2]
        if not access:
            parts = [part for part in parts if "ad/access" not in part]
        open(rules, "w").write("\n\n".join(parts) + "\n")
        if pupils_only:
            os.remove(os.path.join(folder, "rules/staff.yaml"))
            shutil.rmtree(os.path.join(folder, "roles"))
        ad = open(os.path.join(folder, "systems/ad.yaml")).read()
        before, rest = ad.split("resources:\n")
        resources, rest = rest.split("retire:", 1)
        retire = rest.split("thresholds:\n")[0]
        if not passwords:
            before = "\n".join(line for line in before.splitlines() if "initial_password" not in line) + "\n"
        before = before.replace('{ servers: [ldaps://dc1.waterlanden.example], base: "DC=waterlanden,DC=example" }',
                                f'{{ servers: ["{domain.uri}"], base: "{domain.base}", ca_file: "{domain.ca}" }}')
        kinds = ["create", "update", "enable", "disable", "grant", "revoke", "create_resource", "retire", "delete"]
        limits = "thresholds:\n" + "".join(f"  {kind}: {{ count: 1000000 }}\n" for kind in kinds)
        open(os.path.join(folder, "systems/ad.yaml"), "w").write(
            before + (f"resources:\n{resources}" if groups else "") + f"retire:{retire}" + limits)
        return folder
