"""Runs every benchmark: `python -m benchmarks`."""

from benchmarks import calls, per_example, walker

BENCHMARKS = (walker, calls, per_example)

if __name__ == "__main__":
    for benchmark in BENCHMARKS:
        print((benchmark.__doc__ or "").strip(), *(f"  {line}" for line in benchmark.run()), "", sep="\n")
