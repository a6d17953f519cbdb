"""Writes an organism's folder: the ONNX file by torch's current exporter, checked against torch, and its card."""

import hashlib
import importlib.metadata
import json
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator

# Two folder names in a row: what a path of the exporting machine would look like inside the file.
PATH_LIKE = re.compile(rb"[/\\][\w.-]{2,}[/\\][\w.-]{2,}")


def export_onnx(
    model: torch.nn.Module, example: torch.Tensor, path: Path, *, input_name: str = "input_ids"
) -> float:
    """Exports with dynamic batch and length; returns the largest relative difference from torch's logits."""
    model = model.eval()
    program = torch.onnx.export(
        model,
        (example[:2],),
        dynamo=True,
        opset_version=18,
        input_names=[input_name],
        output_names=["logits"],
        dynamic_shapes=({0: "batch", 1: "position"},),
        verbose=False,
    )
    proto = program.model_proto
    strip(proto)
    onnx.checker.check_model(proto, full_check=True)
    must_name_no_machine(proto)
    data = proto.SerializeToString(deterministic=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return parity(model, example, path, input_name)


def strip(proto: onnx.ModelProto) -> None:
    """Stack traces and notes of the exporter name folders of the machine that exported."""
    del proto.metadata_props[:]
    proto.doc_string = ""
    proto.graph.doc_string = ""
    del proto.graph.metadata_props[:]
    for part in (
        *proto.graph.node,
        *proto.graph.initializer,
        *proto.graph.input,
        *proto.graph.output,
        *proto.graph.value_info,
    ):
        part.doc_string = ""
        del part.metadata_props[:]
    if any(tensor.data_location for tensor in proto.graph.initializer):
        raise SystemExit("weights must lie inside the file")


def must_name_no_machine(proto: onnx.ModelProto) -> None:
    bare = onnx.ModelProto()
    bare.CopyFrom(proto)
    for tensor in bare.graph.initializer:
        tensor.ClearField("raw_data")  # weights are arbitrary bytes, in which anything occurs by chance
    text = bare.SerializeToString()
    found = PATH_LIKE.search(text)
    if found is not None:
        raise SystemExit(f"the exported file holds {found.group()!r}")


def parity(model: torch.nn.Module, example: torch.Tensor, path: Path, input_name: str) -> float:
    """ONNX's own reference evaluator against torch, on batches of two sizes and two lengths; at most 1e-5 of a position's largest logit."""
    session = ReferenceEvaluator(str(path))
    largest = 0.0
    for batch, length in ((1, example.shape[1]), (64, example.shape[1]), (7, example.shape[1] - 2)):
        rows = example[:batch, :length]
        with torch.no_grad():
            ours = model(rows).numpy()
        theirs = session.run(None, {input_name: rows.numpy()})[0]
        scale = np.maximum(1, np.abs(ours).max(-1, keepdims=True))
        largest = max(largest, float((np.abs(ours - theirs) / scale).max()))
    if largest > 1e-5:
        raise SystemExit(f"the ONNX file differs from torch by {largest}")
    return largest


def write_card(folder: Path, card: dict) -> None:
    data = (folder / "model.onnx").read_bytes()
    versions = {name: importlib.metadata.version(name) for name in ("torch", "onnx", "onnxscript")}
    full = {
        "format": "mesascope-card/1",
        **card,
        "licence": "MIT",
        "made_with": versions,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    (folder / "card.json").write_text(json.dumps(full, indent=2) + "\n")
