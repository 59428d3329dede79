"""Start the workbench, or run its tests, with nothing installed but Python.

    python start.py            make .venv, install requirements.txt, start the app
    python start.py test       the same with requirements-dev.txt, then the checks and tests
    python start.py test --all ... and the slow ones

This file keeps to words that the oldest Python understands, so that it can say which one is needed.
The work is done in launcher/, with the standard library alone.
"""

import sys

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)  # the pinned numpy has no wheel for 3.15; pip would try to compile it


def python_problem(version):
    """Why the Python of this `version` will not do, or None."""
    here, oldest, newest = (dotted(each) for each in (version, OLDEST_PYTHON, NEWEST_PYTHON))
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        return None
    fault = "is too old" if version < OLDEST_PYTHON else "is newer than the packages are built for"
    remedy = "install Python " + oldest + " to " + newest + " and start with that, for example:"
    return "Python " + here + " " + fault + ": " + remedy + " python" + newest + " start.py"


def dotted(version):
    return ".".join(str(part) for part in version)


def main():
    problem = python_problem(tuple(sys.version_info[:2]))
    if problem:
        return problem  # sys.exit prints it
    from launcher.command import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
