"""Reads what `write-tensors.ts` writes, and holds what was measured against what a card promises."""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent


def tensors_of(member: str) -> tuple[dict, dict[str, torch.Tensor]]:
    """Manifest and arrays of a member; bytes become int64."""
    with tempfile.TemporaryDirectory() as folder:
        script = [str(HERE / "write-tensors.ts"), "--member", member, "--out", folder]
        subprocess.run(["npx", "tsx", *script], check=True, cwd=HERE.parent.parent)
        manifest = json.loads((Path(folder) / "tensors.json").read_text())
        arrays = {}
        for name, array in manifest["arrays"].items():
            values = np.fromfile(Path(folder) / f"{name}.bin", dtype=array["type"]).reshape(array["shape"])
            arrays[name] = torch.from_numpy(values.astype(np.int64) if array["type"] == "uint8" else values)
    return manifest, arrays


def mean(values: torch.Tensor) -> float:
    return round(values.double().mean().item(), 6)


def must_reach(accuracy: dict, ranges: dict) -> None:
    for name, (least, most) in ranges.items():
        if not least <= accuracy[name] <= most:
            raise SystemExit(f"accuracy {name} is {accuracy[name]}, outside {least} to {most}")
