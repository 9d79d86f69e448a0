"""Builds the targets of docker/Dockerfile without a registry, and starts them: mmdebstrap, buildah and runc, as root.

python -m tests.image.builder FOLDER local spark

makes FOLDER/local.tar and FOLDER/spark.tar, OCI archives, and prints their sizes. FOLDER/base.tar, the base of Debian, is
made if it is not there. The storage of the build goes with the process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.programs import run_program

ROOT = Path(__file__).resolve().parents[2]

PROGRAMS = ("mmdebstrap", "buildah", "runc")

EXCLUDED = ("man", "doc", "locale")  # folders of /usr/share that a container has no use for

BASE = "localhost/debian-base"

HOST_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf", "/etc/apt/apt.conf.d/99artifact-registry")
"""How this machine reaches packages; its steps see them, the image doesn't keep them."""

MEBIBYTE = 2**20
MEGABYTE = 10**6


def list_missing_programs() -> list[str]:
    """The programs of a build that are not here; root's rights count as one."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return missing if os.geteuid() == 0 else [*missing, "root"]


def run(*words: object, **options: Any) -> str:
    """What a command prints. Raises AssertionError, with the last of what it said, if it fails."""
    command = ["nice", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def make_base(archive: Path) -> None:
    """Debian's smallest system, of the mirror that this machine is set to."""
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in EXCLUDED]
    options = ["--mode=root", "--variant=minbase", "--include=ca-certificates", *excluded]
    run("mmdebstrap", *options, "bookworm", archive)


@dataclass(frozen=True)
class Builder:
    """A storage of images in a folder of its own."""

    folder: Path

    def call(self, *words: object) -> str:
        """What buildah prints."""
        storage = ["--root", self.folder / "storage", "--runroot", self.folder / "run", "--storage-driver", "vfs"]
        return run("buildah", *storage, *words)

    def add_base(self, archive: Path) -> None:
        """The image that the Dockerfile's stages begin with."""
        # The archive is large: a link in the context of the build costs no copy
        context = self.folder / "base"
        context.mkdir()
        os.link(archive, context / "base.tar")
        (context / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
        self.call("bud", "--isolation", "chroot", *self._policy(), "-t", BASE, context)

    def build(self, target: str) -> None:
        """One target of the Dockerfile, as docker would build it."""
        mounts = [word for path in HOST_FILES if Path(path).is_file() for word in ("--volume", f"{path}:{path}:ro")]
        arguments = ["--build-arg", f"BASE_IMAGE={BASE}", "--target", target, "-f", ROOT / "docker" / "Dockerfile"]
        self.call("bud", "--isolation", "chroot", *self._policy(), *mounts, *arguments, "-t", name_image(target), ROOT)

    def push(self, target: str, archive: Path) -> None:
        """The image as an OCI archive, as a registry would get it."""
        self.call("push", *self._policy(), name_image(target), f"oci-archive:{archive}")

    @contextmanager
    def unpacked(self, target: str) -> Iterator[UnpackedImage]:
        """The image's files, and what it says to start."""
        container = self.call("from", "--pull-never", *self._policy(), name_image(target)).strip()
        try:
            root = Path(self.call("mount", container).strip())
            inspected = json.loads(self.call("inspect", "--type", "image", name_image(target)))
            yield UnpackedImage(root, inspected["OCIv1"]["config"])
        finally:
            self.call("rm", container)

    def _policy(self) -> tuple[str, str]:
        policy = self.folder / "policy.json"
        policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
        return ("--signature-policy", str(policy))


@dataclass(frozen=True)
class UnpackedImage:
    """root: its files. config: of the OCI image: Entrypoint, Env, User, WorkingDir."""

    root: Path
    config: Mapping[str, Any]

    @property
    def size_bytes(self) -> int:
        """Of all its files, each once."""
        sizes = {}
        # Files with several names have one inode
        for folder, _, names in os.walk(self.root):
            for name in names:
                status = os.lstat(Path(folder) / name)
                sizes[status.st_ino] = status.st_size
        return sum(sizes.values())

    def start(
        self,
        words: Sequence[str],
        variables: Mapping[str, str],
        mounts: Mapping[Path, str],
        bundle: Path,
        *,
        user: int = 10001,
        memory_bytes: int | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run words in a container whose own files can't be written, with a /tmp of its own and the machine's network.

        As in a function service there is no /dev/shm, and so no POSIX semaphore. mounts: folders of this machine by their
        place in the container.
        """
        bundle.mkdir(parents=True)
        environment = [*self.config["Env"], *(f"{name}={text}" for name, text in variables.items())]
        specification = {
            "ociVersion": "1.0.2",
            "root": {"path": str(self.root), "readonly": True},
            "process": {
                "terminal": False,
                "user": {"uid": user, "gid": user},
                "args": list(words),
                "env": environment,
                "cwd": "/tmp",
                "noNewPrivileges": True,
            },
            "mounts": [*SYSTEM_MOUNTS, *(_bind(folder, container_path) for folder, container_path in mounts.items())],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
        }
        # More than this ends the process, as it does in a function service
        if memory_bytes is not None:
            specification["linux"]["resources"] = {"memory": {"limit": memory_bytes}}  # type: ignore[index]
        (bundle / "config.json").write_text(json.dumps(specification))
        # runc wants an empty standard input, not a closed one
        name = f"monitor-{os.getpid()}-{bundle.name}"
        command = ["nice", "runc", "--root", str(bundle / "state"), "run", "--bundle", str(bundle), name]
        return run_program(command, stdin=subprocess.DEVNULL)


SYSTEM_MOUNTS = (
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
    {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},
)


def _bind(folder: Path, container_path: str) -> dict[str, str | list[str]]:
    return {"destination": container_path, "type": "bind", "source": str(folder), "options": ["rbind", "rw"]}


def name_image(target: str) -> str:
    return f"localhost/spark-model-monitor:{target}"


def main(folder: Path, targets: Sequence[str]) -> None:
    """Build the targets, leave their archives, and print their sizes."""
    base = folder / "base.tar"
    if not base.is_file():
        make_base(base)
    with tempfile.TemporaryDirectory(dir=folder) as storage:
        builder = Builder(Path(storage))
        builder.add_base(base)
        for target in targets:
            builder.build(target)
            archive = folder / f"{target}.tar"
            builder.push(target, archive)
            with builder.unpacked(target) as image:
                unpacked = image.size_bytes / MEGABYTE
            packed = archive.stat().st_size / MEGABYTE
            print(f"{target}: {packed:.0f} MB compressed, {unpacked:.0f} MB unpacked", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
