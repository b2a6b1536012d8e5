"""A board of a hundred thousand: how long a second cycle takes in which nothing changed, how much memory the host needs, how the store grows."""

import json

from stage import Twin, call, say, timed, verdict


def of_a_hundred_thousand(stage):
    people = 2000 if stage.quick else 100000
    staff = people // 10
    say(f"board: {people - staff} pupils and {staff} members of staff, {max(3, people // 2000)} locations")
    twin = stage.start(Twin, people - staff, staff, locations=max(3, people // 2000))
    folder = stage.write_folder(twin, groups=False)
    host = stage.host(folder)
    first = timed(lambda: cycle(host))
    first_peak = host.peak_memory()
    say(f"  first cycle {first:.1f} s, {first_peak:.0f} MiB")
    stage.set_time("2026-11-25T03:30:00+01:00")
    second = timed(lambda: cycle(host))
    say(f"  second cycle {second:.1f} s")
    before = host.store_size()
    stage.set_time("2026-11-26T03:30:00+01:00")
    third = timed(lambda: cycle(host))
    growth = (host.store_size() - before) / 1024
    peak = max(first_peak, host.peak_memory())
    say(f"  third cycle {third:.1f} s, {peak:.0f} MiB at most, store of {before >> 20} MiB grew by {growth:.0f} KiB")
    stage.finish(host)
    reading = json.loads(call([stage.program("reading_bench"), folder, f"{stage.build}/plugins", stage.folder], env=host.environment))
    say(f"  reading alone {reading['seconds']:.1f} s, {reading['records']} records")
    cycle_seconds = sorted([second, third])[0]
    ratio = cycle_seconds / reading["seconds"]
    return [verdict(f"a cycle without changes, {people} people", f"{cycle_seconds:.1f} s", f"{reading['seconds']:.1f} s reading alone", f"{ratio:.2f}",
                    "<= 1.5", ratio <= 1.5),
            verdict("memory of the host at most", f"{peak:.0f} MiB", "", "", "< 512 MiB", peak < 512),
            verdict("growth of the store on such a day", f"{growth:.0f} KiB", "", "", "< 100 KiB", growth < 100)]


def cycle(host):
    host.run("import", "somtoday")
    host.run("plan")
    host.run("enforce")
