"""Runs the command line: `python -m verify`."""

import os
import sys

if __name__ == "__main__":  # not in the processes that a run starts, which import this module again
    # Hypothesis would make a folder of its own beside the user's files.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.path.join(".verify", "hypothesis"))
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
