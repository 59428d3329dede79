"""Write down that `.venv` holds requirements.txt, where something else than start.py has installed
it: `python -m launcher.installed`, as the Dockerfile does.
"""

import sys

from launcher.environment import (
    APP_REQUIREMENTS,
    ENVIRONMENT,
    note_installed,
    python_of,
    write_command,
)


def main() -> int:
    python = python_of(ENVIRONMENT)
    if not python.exists():
        print(f"There is no {python}: make the environment first.", file=sys.stderr)
        return 1
    note_installed(ENVIRONMENT, APP_REQUIREMENTS)
    write_command(python)
    return 0


if __name__ == "__main__":
    sys.exit(main())
