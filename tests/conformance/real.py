#!/usr/bin/python3
"""Our own connectors pass the suite: Somtoday against its twin, Active Directory against a real Samba domain controller, CSV on two files.

  real.py CONNECTOR-CHECK somtoday|active_directory|csv BINARY-FOLDER

Starts the system on a loopback address, writes the configuration, runs every level, and leaves nothing running. Fails if a MUST check
fails, or if one is skipped that is listed here as applying.
"""
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Prefixes of the checks that apply to every one; what a connector cannot be asked is named with its reason.
SKIPPED = {
    "somtoday": {"SRC-03": "no cursors", "READ": "a source", "TGT": "a source", "FLT-001": "a source", "FLT-002": "a source", "FLT-003": "a source",
                 "FLT-005": "a source", "SEC-006": "a source", "EVT-002": "nothing to tell"},
    "csv": {"SRC-012": "one scope", "SRC-014": "a file is read or it is not", "SRC-03": "no cursors", "READ": "a source", "TGT": "a source", "FLT": "a file, nothing on the way",
            "SEC-00": "no secrets", "EVT-002": "nothing to tell"},
    "active_directory": {"SRC-012": "one scope", "SRC-014": "a directory hides what may not be read", "FLT-009": "one scope", "SRC-03": "no cursors", "TGT-031": "nothing is pending", "EVT-002": "nothing to tell",
                         "TGT-033": "it gives no preconditions"},
}

# MUST checks that fail today, each with what is known of it; whoever mends one takes it out here.
OPEN = {
    "somtoday": {},
    "csv": {},
    "active_directory": {},
}


def wait_for(path, process):
    for _ in range(600):
        if path.exists():
            return path.read_text().strip()
        if process.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit("the twin did not start")


class Somtoday:
    """Two schools that are the same, but that one of them refuses the members of teaching groups of every location."""

    def __init__(self, binary, scratch):
        (scratch / "clock").write_text("2026-10-01T08:00:00Z\n")
        self.processes = []
        whole, refusing = (self.start(binary, scratch, name) for name in ("whole", "refusing"))
        body = json.dumps({"endpoint": "lesgroep", "status": 403}).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{refusing}/__sim/rights", body).close()
        self.config = f"""
settings: {{ organisation: Stichting De Waterlanden, timeout: 2s, first_backoff: 50ms, api_url: "http://{{proxy}}/rest/v1", token_url: "http://{{proxy}}/inloggen/oauth2/token" }}
secrets: {{ client_id: "text:waterlanden-link", client_secret: "text:somtoday-secret" }}
check:
  as_of: 2026-10-01
  proxy: "127.0.0.1:{whole}"
  refused:
    settings: {{ api_url: "http://127.0.0.1:{refusing}/rest/v1", token_url: "http://127.0.0.1:{refusing}/inloggen/oauth2/token" }}
    classes: [lesgroep_lid]
"""

    def start(self, binary, scratch, name):
        port_file = scratch / f"port-{name}"
        self.processes.append(subprocess.Popen([binary / "bin/somtoday-twin", "--pupils", "60", "--staff", "12", "--locations", "2",
                                                "--clock", scratch / "clock", "--port-file", port_file], stdout=subprocess.DEVNULL))
        return wait_for(port_file, self.processes[-1])

    def stop(self):
        for process in self.processes:
            process.terminate()
            process.wait()


class Csv:
    """A staff file as an HR system writes it, with contracts in a file of their own; some lines are bad."""

    def __init__(self, _binary, scratch):
        people = ["Personeelsnummer;Roepnaam;Voorletters;Voorvoegsel;Achternaam;Voorvoegsel partner;Achternaam partner;Naamgebruik;Geslacht;Geboortedatum"]
        contracts = ["Medewerker;Volgnummer;Datum in dienst;Datum uit dienst;Functie;Afdeling;Locatie"]
        for number in range(51001, 51061):
            people.append(f'{number};Zo\u00eb{number};Z.;van der;"Dam; {number}";;;E;V;{1 + number % 28:02}-02-1980')
            contracts += [f"{number};{turn};01-08-{2024 + turn};{'31-07-2026' if turn == 1 else ''};Docent;Wiskunde;31XY00" for turn in (1, 2)]
        people.append("51900;a line that is not whole")
        (scratch / "people.csv").write_bytes("\r\n".join(people + [""]).encode("cp1252"))
        (scratch / "contracts.csv").write_text("\n".join(contracts + [""]), encoding="utf-8")
        self.config = """
settings: { file: people.csv, contract_file: contracts.csv, contract_person: Medewerker, contract_id: [Volgnummer], settled: 0s }
check: { as_of: 2026-10-01 }
"""

    def stop(self):
        """Nothing runs."""


class ActiveDirectory:
    """A domain as the connector's own tests have it: unpacked from one that was provisioned once for this build."""

    def __init__(self, binary, scratch):
        cache = binary / "samba"
        cache.mkdir(exist_ok=True)
        self.folder = scratch / "domain"
        packed, fresh = cache / "domain.tar.zst", cache / "fresh"
        with open(cache / "lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not packed.exists():
                shutil.rmtree(fresh, ignore_errors=True)
                self.samba("127.0.0.60", "provision", fresh)
                self.samba("127.0.0.60", "pack", fresh, f"{packed}.new")
                os.rename(f"{packed}.new", packed)
                shutil.rmtree(fresh)
        self.samba("127.0.0.60", "unpack", packed, self.folder)
        self.ip = self.start()
        base = "DC=ad,DC=test"
        self.config = f"""
settings:
  servers: ["ldaps://{{proxy}}"]
  base: "{base}"
  ca_file: {self.folder}/private/tls/ca.pem
secrets: {{ bind_dn: "text:CN=Administrator,CN=Users,{base}", bind_password: "text:Passw0rd.Adm1n" }}
check:
  write: true
  proxy: "{self.ip}:636"
  create:
    account: {{ cn: "Check {{n}}", parent: "OU=Check", sAMAccountName: "c{{n}}", displayName: "Check {{n}}", employeeID: "{{n}}" }}
    group: {{ name: "check-{{n}}", parent: "OU=Check" }}
  update: {{ account: {{ displayName: "Changed {{n}}", department: "D{{n}}" }} }}
  correlate: {{ account: employeeID }}
"""

    def samba(self, ip, *arguments):
        return subprocess.run([ROOT / "scripts/samba-ad", *arguments], env=dict(os.environ, AD_IP=ip), stdout=subprocess.DEVNULL, check=True)

    def start(self):
        for last in range(60, 39, -1):
            self.lock = open(f"/tmp/sluice-samba-127.0.0.{last}.lock", "w", encoding="utf-8")
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.samba(f"127.0.0.{last}", "start", self.folder)
                return f"127.0.0.{last}"
            except (OSError, subprocess.CalledProcessError):
                self.lock.close()
        sys.exit("no domain controller could be started on 127.0.0.40 to .60")

    def stop(self):
        self.samba(self.ip, "stop", self.folder)


def main():
    check, name, binary = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="sluice-check-", dir=memory))
    system = None
    try:
        system = {"somtoday": Somtoday, "active_directory": ActiveDirectory, "csv": Csv}[name](binary, scratch)
        (scratch / "config.yaml").write_text(system.config)
        report = scratch / "report.json"
        # As an operator gets it: packed.
        folder, package = binary / f"plugins/sluice.{name}", scratch / f"{name}.sluice"
        subprocess.run([ROOT / "sdk/tools/connector-pack", folder / f"sluice.{name}", "-o", package], stdout=subprocess.DEVNULL, check=True)
        subprocess.run([check, package, "--config", scratch / "config.yaml", "--speed", "--patience", "30", "--text",
                               "--json", report], check=False, timeout=280)
        results = json.loads(report.read_text())["checks"] if report.exists() else []
    finally:
        if system is not None:
            system.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    for name_of, why in OPEN[name].items():
        print(f"open: {name_of}: {why}")
    failed = [one["id"] for one in results if one["state"] == "failed" and one["severity"] == "MUST"]
    problems = [f"{one} failed" for one in failed if one not in OPEN[name]] + [f"{one} passes now: take it out of OPEN" for one in OPEN[name] if one not in failed]
    skipped = [one for one in results if one["state"] == "skipped" and one["severity"] == "MUST"
               and not any(one["why"].startswith(other) for other in OPEN[name]) and not any(one["id"].startswith(prefix) for prefix in SKIPPED[name])]
    slowest = sorted(results, key=lambda one: -one["ms"])[:5]
    print("slowest:", ", ".join(f"{one['id']} {one['ms']} ms" for one in slowest))
    for one in skipped:
        print(f"{one['id']} was skipped and applies: {one['why']}")
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems or skipped or not results else 0


if __name__ == "__main__":
    sys.exit(main())
