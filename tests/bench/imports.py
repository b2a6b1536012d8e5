"""Reading a board: ours, from nothing into the state, against `curl` that fetches the same pages one after the other into `jq`."""

import json
import os
import subprocess
import urllib.request

from stage import CLIENT, SECRET, Failed, Twin, median_pair, pairs, say, timed, verdict


def against_curl(stage):
    pupils, count = 1000 if stage.quick else 20000, stage.pairs(5)
    rows = []
    for groups in (False, True):
        name = f"import of {pupils} pupils" + (" with class groups" if groups else "")
        say(name)
        twin = stage.start(Twin, pupils, 0)
        seconds = measure(stage, twin, stage.write_folder(twin, pupils_only=True, groups=groups), 1 if groups else count)
        mine, theirs, ratio = median_pair(seconds)
        row = verdict(name, f"{mine:.2f} s", f"{theirs:.2f} s curl | jq", f"{ratio:.2f}", ">= 1", ratio >= 1)
        if groups:  # Each membership is a record of ours and a word to jq: shown beside, not judged.
            row["goal"] = row["verdict"] = ""
        rows.append(row)
        stage.finish(twin)
    return rows


def measure(stage, twin, folder, count):
    requests = []

    def ours():
        twin.ask("DELETE", "log")
        host = stage.host(folder)
        seconds = timed(lambda: host.run("import", "somtoday"))
        if not requests:
            requests.extend(line["request"] for line in twin.ask("GET", "log") if line["status"] == 200)
        stage.finish(host)
        return seconds

    def peer():
        pages = [request.removeprefix("GET ") for request in requests if request.startswith("GET /rest/v1/connect/")]
        if not pages:
            raise Failed("no page was read")
        token = next(request for request in requests if "/oauth2/token" in request).removeprefix("POST ")
        body = f"grant_type=client_credentials&client_id={CLIENT}&client_secret={SECRET}".encode()
        with urllib.request.urlopen(twin.url + token, data=body) as answer:
            bearer = json.load(answer)["access_token"]
        config = os.path.join(stage.folder, "curl.config")
        with open(config, "w") as file:
            file.write(f'silent\nfail\nheader = "Authorization: Bearer {bearer}"\nheader = "Accept: application/json"\n')
            file.writelines(f'url = "{twin.url}{page}"\n' for page in pages)

        def fetch():
            curl = subprocess.Popen(["curl", "--config", config], stdout=subprocess.PIPE)
            jq = subprocess.Popen(["jq", "-c", ".[] | arrays | .[]"], stdin=curl.stdout, stdout=subprocess.DEVNULL)
            curl.stdout.close()
            if jq.wait() != 0 or curl.wait() != 0:
                raise Failed("curl or jq failed")

        return timed(fetch)

    return pairs(stage, count, ours, peer)
