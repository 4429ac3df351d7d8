"""Runs the command line: `python -m verify`."""

import sys

if __name__ == "__main__":  # not in the processes that a run starts, which import this module again
    try:
        from verify.cli import main
    except ModuleNotFoundError as missing:
        sys.stderr.write(
            f"verify: {missing.name} is not installed; pip install 'manual-bp[verify]' brings it\n"
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(main())
