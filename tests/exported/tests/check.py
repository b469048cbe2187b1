"""Checks every ONNX file of a folder with onnx's checker, runs it in onnxruntime on the inputs beside it, and compares.

A file `net.onnx` has its cases in `net.*.npz`: arrays `input0`, `input1`, .. and `output0`, .., in the order of the file's.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

TOLERANCE = 1e-5


def main(folder: pathlib.Path) -> int:
    wrong = 0
    cases = 0
    onnxruntime.set_default_logger_severity(3)
    for file in sorted(folder.glob("*.onnx")):
        try:
            onnx.checker.check_model(onnx.load(file), full_check=True)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # whatever it is, it is the file's fault
            print(f"{file.stem}: {error}")
            wrong += 1
            continue
        for case in sorted(folder.glob(f"{file.stem}.*.npz")):
            arrays = np.load(case)
            given = {port.name: arrays[f"input{i}"] for i, port in enumerate(session.get_inputs())}
            wanted = [arrays[key] for key in sorted(arrays) if key.startswith("output")]
            cases += 1
            try:
                outputs = by_name(session, session.run(None, given))
            except Exception as error:
                print(f"{case.stem}: {error}")
                wrong += 1
                continue
            for i, (output, want) in enumerate(zip(outputs, wanted, strict=False)):
                off = np.abs(output - want).max() / max(1.0, np.abs(want).max()) if output.shape == want.shape else np.inf
                if not off <= TOLERANCE:
                    print(f"{case.stem}: output {i} {output.shape} is off by {off}, wanted {want.shape}")
                    wrong += 1
    print(f"{cases} cases, {wrong} wrong")
    return 1 if wrong or not cases else 0


def by_name(session, outputs):
    """The outputs without those that the cases don't have."""
    named = zip(session.get_outputs(), outputs, strict=True)
    return [value for port, value in named if not port.name.endswith("mutual_information")]


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
