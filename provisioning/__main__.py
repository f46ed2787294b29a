"""Build a lakehouse and look after it. `python -m provisioning --help` lists the commands."""

import sys

try:
    from provisioning.commands import main
except ModuleNotFoundError as error:
    if str(error.name).startswith("provisioning"):
        raise
    remedy = "run `make setup`, then .venv/bin/python -m provisioning (with sudo, too)"
    print(f"provisioning: {sys.executable} has no {error.name}: {remedy}", file=sys.stderr)
    sys.exit(2)
except KeyboardInterrupt:  # while it was still loading: nothing was begun
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
