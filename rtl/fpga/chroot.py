# SPDX-License-Identifier: Apache-2.0
"""The tools for synthesis, place and route: a Debian of their own below a cache directory, made by debootstrap, because
Debian 12's are too old. Nothing of it enters the system."""
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ("yosys", "yosys-abc", "nextpnr-ecp5", "nextpnr-ecp5-chipdb", "fpga-trellis", "fpga-trellis-database")
SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
STAGES = ("Retrieving", "Validating", "Extracting", "Unpacking", "Configuring")


class Unavailable(Exception):
    """The tools cannot be had here, with the reason."""


def as_root():
    """What to put before a command that needs root."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0:
        return ["sudo", "-n"]
    raise Unavailable("a chroot needs root, or sudo without a password")


def cache():
    return Path(os.environ.get("GPUDMAR_CACHE") or
                Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpu-dmar")


class Tools:
    """The chroot, ready; runs commands in it with the repository at /src and one directory at /out."""

    def __init__(self, repository, out):
        self.root = as_root()
        self.tree = cache() / f"fpga-{SUITE}"
        self.repository, self.out = Path(repository).resolve(), Path(out).resolve()
        if not shutil.which("unshare"):
            raise Unavailable("unshare is not installed")
        if subprocess.run([*self.root, "unshare", "--mount", "true"], capture_output=True, check=False).returncode:
            raise Unavailable("mounts are not allowed here (a container without CAP_SYS_ADMIN?)")
        if not (self.tree / ".ready").exists():
            try:
                self.set_up()
            except subprocess.CalledProcessError as error:
                raise Unavailable(f"the set-up failed: {error}") from error
        self.version = (self.tree / ".ready").read_text(encoding="utf-8").strip()

    def set_up(self):
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        if not shutil.which("debootstrap"):
            raise Unavailable("debootstrap is not installed: run `make deps`")
        print(f"fpga: setting up {SUITE} with {', '.join(PACKAGES)} in {self.tree} (once, about 600 MB)", flush=True)
        started = time.monotonic()
        # Beside its place: what a run that was cut off leaves is begun anew, never taken for whole.
        partial = self.tree.with_name(self.tree.name + ".partial")
        subprocess.run([*self.root, "rm", "-rf", str(partial)], check=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        command = [*self.root, "debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE,
                   str(partial), MIRROR]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, "LC_ALL": "C"}) as process:
            stage, last = "", ""
            for line in process.stdout:
                last = line.strip() or last
                word = next((word for word in STAGES if line.startswith(f"I: {word}")), stage)
                if word != stage:
                    print(f"fpga:   {time.monotonic() - started:4.0f} s: {word.lower()}", flush=True)
                    stage = word
        if process.returncode:
            raise Unavailable(f"debootstrap failed: {last}")
        versions = subprocess.run([*self.root, "chroot", str(partial), "dpkg-query", "-W", "-f",
                                   "${Package} ${Version}\n", "yosys", "nextpnr-ecp5"],
                                  capture_output=True, text=True, check=True).stdout
        self.write(partial / ".ready", ", ".join(versions.split("\n")[:2]) + "\n")
        for place in ("src", "out"):
            subprocess.run([*self.root, "mkdir", "-p", str(partial / place)], check=True)
        subprocess.run([*self.root, "mv", str(partial), str(self.tree)], check=True)
        print(f"fpga:   {time.monotonic() - started:4.0f} s: ready", flush=True)

    def write(self, path, content):
        subprocess.run([*self.root, "tee", str(path)], input=content, text=True, stdout=subprocess.DEVNULL, check=True)

    def run(self, command, log):
        """One command in the chroot, output in the log. Its mounts are in a namespace that ends with it."""
        script = ("set -e; mount --make-rprivate /; mount -t proc proc $1/proc; mount --bind $2 $1/src; "
                  "mount --bind $3 $1/out; exec chroot $1 sh -c 'cd /src && exec \"$@\"' sh \"${@:4}\"")
        with open(log, "w", encoding="utf-8") as output:
            done = subprocess.run([*self.root, "unshare", "--mount", "bash", "-c", script, "bash", str(self.tree),
                                   str(self.repository), str(self.out), *command],
                                  stdout=output, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
            error = next((line for line in lines if "ERROR" in line), lines[-1] if lines else "")
            print(f"fpga: {shlex.join(command[:1])} failed: {error.strip()} (see {log})", file=sys.stderr)
        return done.returncode == 0
