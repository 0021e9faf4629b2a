# SPDX-License-Identifier: MIT
"""What this host lets a test do, and where."""
import os
import shutil
import subprocess


def no_jail():
    """Why -jail cannot be tried here, or None."""
    if os.geteuid():
        return "only root can make a jail"
    got = subprocess.run(["unshare", "-mpiunC", "--fork", "mount",
                          "--make-rprivate", "/"], capture_output=True,
                         text=True)
    return "namespaces are not permitted here: " + got.stderr.strip() \
        if got.returncode else None


def everyones_mote(folder):
    """A copy in `folder`, for users who cannot reach the build's; its path."""
    build = os.environ.get("O", "build")
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    for name in ("mote", "mote-tcg.so"):
        shutil.copy(os.path.join(build, name), folder)
        os.chmod(os.path.join(folder, name), 0o755)
    return os.path.join(folder, "mote")
