"""Last-token residual streams of prompts of mixed lengths, as one would write it with PyTorch forward hooks and with
TransformerLens; the weights, the prompts and the folder to compare with come from long-capture.bench.ts.

    peers_bench.py FOLDER hooks|lens

FOLDER holds weights.safetensors, spec.json and rows.jsonl; the result goes to FOLDER/hooks.safetensors or FOLDER/lens.safetensors, one
tensor [rows, streams, width]. Prints one JSON line: seconds and processor seconds for the whole job (without imports and loading the model), and, where
FOLDER/acts lies, the largest difference between its values and these, relative to the largest value.
"""

import json
import math
import sys
import time
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

BATCH = 32


class Block(nn.Module):
    def __init__(self, w, i, heads):
        super().__init__()
        self.w = {k.split(".", 1)[1]: v for k, v in w.items() if k.startswith(f"{i}.")}
        self.heads = heads

    def linear(self, x, name):
        return F.linear(x, self.w[f"{name}.weight.t"], self.w[f"{name}.bias"])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w[f"{name}.gain"], self.w[f"{name}.bias"])

    def forward(self, stream):
        batch, length, width = stream.shape
        x = self.norm(stream, "norm-1")
        q, k, v = (
            self.linear(x, n).view(batch, length, self.heads, -1).transpose(1, 2) for n in ("q", "k", "v")
        )
        z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        stream = stream + self.linear(z.transpose(1, 2).reshape(batch, length, width), "out")
        up = F.gelu(self.linear(self.norm(stream, "norm-2"), "up"))
        return stream + self.linear(up, "down")


class Decoder(nn.Module):
    """GPT-2's shape without the unembedding, which this job does not need."""

    def __init__(self, w, layers, heads):
        super().__init__()
        # nn.Linear keeps its weights as [out, in].
        w = {**w, **{f"{k}.t": v.t().contiguous() for k, v in w.items() if k.endswith(".weight")}}
        self.embedding, self.positions = w["embedding"], w["positions"]
        self.embed = nn.Identity()
        self.blocks = nn.ModuleList(Block(w, i, heads) for i in range(layers))

    def forward(self, tokens):
        x = self.embed(self.embedding[tokens] + self.positions[: tokens.shape[1]])
        for block in self.blocks:
            x = block(x)
        return x


def padded(rows):
    """Batches in the order of the file: tokens padded on the right, which a causal model does not see, and each row's last position."""
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        tokens = torch.zeros(len(batch), max(map(len, batch)), dtype=torch.long)
        for i, row in enumerate(batch):
            tokens[i, : len(row)] = torch.tensor(row)
        yield tokens, torch.tensor([len(row) - 1 for row in batch])


def with_hooks(weights, spec, rows):
    model = Decoder(weights, spec["layers"], spec["heads"]).eval()
    caught = []
    for module in (model.embed, *model.blocks):
        module.register_forward_hook(lambda _module, _inputs, output: caught.append(output))

    def run():
        parts = []
        for tokens, last in padded(rows):
            caught.clear()
            model(tokens)
            each = torch.arange(len(last))
            parts.append(torch.stack([value[each, last] for value in caught], dim=1))
        return torch.cat(parts)

    return run


def with_lens(weights, spec, rows):
    from transformer_lens import HookedTransformer, HookedTransformerConfig

    width, heads, layers = spec["width"], spec["heads"], spec["layers"]
    config = HookedTransformerConfig(
        n_layers=layers,
        d_model=width,
        n_ctx=spec["length"],
        d_head=width // heads,
        n_heads=heads,
        d_mlp=4 * width,
        d_vocab=spec["vocabulary"],
        act_fn="gelu",
        normalization_type="LN",
        eps=1e-5,
        device="cpu",
    )
    model = HookedTransformer(config)
    state = {"embed.W_E": weights["embedding"], "pos_embed.W_pos": weights["positions"]}

    def per_head(name):
        return weights[f"{name}.weight"].view(width, heads, -1).transpose(0, 1), weights[f"{name}.bias"].view(heads, -1)

    for i in range(layers):
        to = f"blocks.{i}"
        for ours, theirs in (("norm-1", "ln1"), ("norm-2", "ln2")):
            state[f"{to}.{theirs}.w"], state[f"{to}.{theirs}.b"] = weights[f"{i}.{ours}.gain"], weights[f"{i}.{ours}.bias"]
        for ours, theirs in (("q", "Q"), ("k", "K"), ("v", "V")):
            state[f"{to}.attn.W_{theirs}"], state[f"{to}.attn.b_{theirs}"] = per_head(f"{i}.{ours}")
        state[f"{to}.attn.W_O"] = weights[f"{i}.out.weight"].view(heads, -1, width)
        state[f"{to}.attn.b_O"] = weights[f"{i}.out.bias"]
        state[f"{to}.mlp.W_in"], state[f"{to}.mlp.b_in"] = weights[f"{i}.up.weight"], weights[f"{i}.up.bias"]
        state[f"{to}.mlp.W_out"], state[f"{to}.mlp.b_out"] = weights[f"{i}.down.weight"], weights[f"{i}.down.bias"]
    state["ln_final.w"], state["ln_final.b"] = weights["final-norm.gain"], weights["final-norm.bias"]
    state["unembed.W_U"] = weights["unembedding"]
    state["unembed.b_U"] = torch.zeros(spec["vocabulary"])
    missing, unexpected = model.load_state_dict(state, strict=False)
    lost = [name for name in missing if not name.endswith((".mask", ".IGNORE"))]
    assert not lost and not unexpected, (lost, unexpected)
    model.eval()
    names = ["blocks.0.hook_resid_pre", *(f"blocks.{i}.hook_resid_post" for i in range(layers))]

    def run():
        parts = []
        for tokens, last in padded(rows):
            _, cache = model.run_with_cache(tokens, names_filter=lambda name: name in names)
            each = torch.arange(len(last))
            parts.append(torch.stack([cache[name][each, last] for name in names], dim=1))
        return torch.cat(parts)

    return run


def difference(folder, values):
    """Largest difference to the folder of activations, relative to the largest value of its stream."""
    index = json.loads((folder / "index.json").read_text())
    worst = 0.0
    for stream, hook in enumerate(index["hooks"]):
        parts = []
        for file in hook["files"]:
            with safe_open(folder / file["file"], "pt") as shard:
                parts.append(shard.get_tensor(index["tensor"]))
        ours = torch.cat(parts)[:, 0]
        theirs = values[:, stream]
        worst = max(worst, ((ours - theirs).abs().max() / theirs.abs().max()).item())
    return worst


def main():
    folder, kind = Path(sys.argv[1]), sys.argv[2]
    spec = json.loads((folder / "spec.json").read_text())
    weights = load_file(folder / "weights.safetensors")
    with torch.no_grad():
        rows = [json.loads(line)["tokens"] for line in (folder / "rows.jsonl").read_text().splitlines()[1:]]
        run = {"hooks": with_hooks, "lens": with_lens}[kind](weights, spec, rows)
        started, cpu = time.perf_counter(), time.process_time()
        values = run()
        save_file({"acts": values.contiguous()}, folder / f"{kind}.safetensors")
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    worst = difference(folder / "acts", values) if (folder / "acts").exists() else math.nan
    print(json.dumps({"seconds": seconds, "cpu": cpu, "difference": worst, "threads": torch.get_num_threads()}))


main()
