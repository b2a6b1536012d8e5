"""Evaluation of a large board over all dates, on one core. The program is evaluation_bench.cc."""

import json

from stage import call, say, verdict


def of_everybody(stage):
    people = 3000 if stage.quick else 30000
    say(f"evaluation: {people} persons, 200 rules, one core")
    out = call(["taskset", "-c", "0", stage.program("evaluation_bench"), f"--benchmark_filter=/{people}$", "--benchmark_format=json",
                "--benchmark_repetitions=5", "--benchmark_report_aggregates_only=true"])
    median = next(run for run in json.loads(out)["benchmarks"] if run.get("aggregate_name") == "median")
    seconds = median["cpu_time"] / 1000
    return [verdict(f"evaluation of {people} x 200", f"{seconds:.2f} s", "", "", "<= 1 s", seconds <= 1)]
