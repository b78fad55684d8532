"""Debian 12's arm64 packages, unpacked: Python and the C++ library, with all that they need.

apt works on a state of its own here, in which nothing is installed and the architecture is arm64. So the packages of
this machine are not touched, no foreign architecture is added to them, and nobody needs to be root.
"""

from pathlib import Path

from tests.arm64.steps import call

# The oldest Python that eyespot runs with, so that the oldest wheels that it promises can be had.
PYTHON_VERSION = "3.11"
# What a Pi's system brings; the wheels bring everything else.
PACKAGES = (f"python{PYTHON_VERSION}", "libstdc++6")


def unpack_packages(root: Path, work: Path) -> None:
    """Fetch PACKAGES and what they depend on into the folder `work` and unpack them into `root`. Raises NotMade."""
    state, cache = work / "state", work / "cache"
    for folder in (state / "lists" / "partial", cache / "archives" / "partial", root):
        folder.mkdir(parents=True)
    (state / "status").touch()
    settings = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": cache,
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Update::Error-Mode": "any",  # else a list that could not be fetched is no failure
        "APT::Sandbox::User": "",  # root's apt would hand the download to a user who may not write here
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
    call("fetch Debian 12's lists of arm64 packages", *apt, "update")
    download = ["install", "--download-only", "--yes", "--no-install-recommends", *PACKAGES]
    call("fetch Debian 12's arm64 packages", *apt, *download)
    for package in sorted((cache / "archives").glob("*.deb")):
        call(f"unpack {package.name}", "dpkg", "-x", package, root)


def python_of(root: Path) -> Path:
    """Return the interpreter in `root`."""
    return root / "usr" / "bin" / f"python{PYTHON_VERSION}"
