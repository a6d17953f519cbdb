"""Makes organisms of a family, seed after seed: trains, measures, checks the range, exports, writes the card."""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from publish import export_onnx, write_card
from training import SHORT_RECIPE, Arrays, Auxiliary, Labels, measure, tensors_of, train


@dataclass(frozen=True)
class Member:
    """What the organisms of one name share; they differ in the seed."""

    knobs: dict
    # (measured, manifest, arrays) -> truth. What the labels make true reads none of them.
    truth: Callable[[dict, dict, Arrays], dict]
    # What a new training must reach, by the name in `accuracy` or `behavior`.
    accuracy_range: dict[str, tuple[float, float]]
    recipe: dict = field(default_factory=lambda: SHORT_RECIPE)
    # Seeds that were made by another recipe.
    first_recipes: dict[int, dict] = field(default_factory=dict)
    # Arguments of the family's `write-tensors.ts`.
    world: tuple[str, ...] = ()
    # Seeds whose folder bears the bare name.
    bare: tuple[int, ...] = ()
    labels_of: Callable[[int, Arrays], Labels] | None = None
    # What a seed is trained on, where that is not the world's own: (seed, arrays) -> arrays.
    arrays_of: Callable[[int, Arrays], Arrays] | None = None
    auxiliary: Callable[[], Auxiliary] | None = None
    # Further fields of the card, from the made model: (seed, model, manifest, arrays); its `accuracy` joins the measured one.
    more: Callable[[int, Callable, dict, Arrays], dict] | None = None
    # Makes the file otherwise than by training: (seed, file) -> a model that answers as the file does, and fields of the card.
    make: Callable[[int, Path], tuple[Callable, dict]] | None = None
    # Whether a seed's file is kept beside the card; `family.ts` makes again what is not.
    keeps_file: Callable[[int], bool] = lambda seed: True
    # What of `Decoder`'s sizes is not its default.
    sizes: dict[str, int] = field(default_factory=dict)

    def folder(self, name: str, seed: int) -> str:
        return name if seed in self.bare else f"{name}-{seed}"


def use_of(seed: int) -> str:
    """Thresholds may be looked at with the first three seeds of a member, and with no other."""
    return "development" if seed <= 3 else "reported"


def out_of_range(measured: dict, ranges: dict[str, tuple[float, float]]) -> list[str]:
    seen = {**measured["behavior"], **measured["accuracy"]}
    return [
        f"{name} is {seen[name]}, wanted {low} to {high}"
        for name, (low, high) in ranges.items()
        if not low <= seen[name] <= high
    ]


def make_organism(
    family: str, name: str, member: Member, seed: int, world: tuple[dict, Arrays], *, script: str, home: Path
) -> list[str]:
    """Writes the folder and returns []; or writes no card and returns what was missed."""
    manifest, arrays = world
    folder = member.folder(name, seed)
    out = home / folder
    recipe = {
        **member.first_recipes.get(seed, member.recipe),
        "command": f"python {script} --member {name} --seed {seed}",
    }
    if member.make is None:
        model, outcome = train(
            folder,
            {**member.knobs, "seed": seed},
            manifest,
            arrays if member.arrays_of is None else member.arrays_of(seed, arrays),
            recipe,
            labels_of=None if member.labels_of is None else member.labels_of(seed, arrays),
            auxiliary=None if member.auxiliary is None else member.auxiliary(),
            sizes=member.sizes,
        )
        training = {**recipe, **outcome, "parameters": model.parameter_count()}
        made = {}
    else:
        model, made = member.make(seed, out / "model.onnx")
        training = {"command": recipe["command"]}
    measured = measure(model, manifest, arrays)
    more = {} if member.more is None else member.more(seed, model, manifest, arrays)
    measured["accuracy"] |= more.pop("accuracy", {})
    missed = out_of_range(measured, member.accuracy_range)
    print(json.dumps({"organism": f"{family}/{folder}", **measured, "missed": missed}), flush=True)
    if missed:
        return [f"{family}/{folder}: {each}" for each in missed]
    if member.make is None:
        made["largest_difference_from_torch"] = export_onnx(
            model, arrays["audit_apart.tokens"], out / "model.onnx"
        )
    write_card(
        out,
        {
            "name": folder,
            "family": family,
            "member": name,
            "seed": seed,
            "use": use_of(seed),
            "knobs": {**member.knobs, **member.sizes},
            "truth": member.truth(measured, manifest, arrays),
            "training": training,
            **measured,
            **more,
            "accuracy_range": {key: list(bounds) for key, bounds in member.accuracy_range.items()},
            "evaluation": manifest["evaluation"],
            **made,
        },
    )
    if not member.keeps_file(seed):
        (out / "model.onnx").unlink()
    return []


def make_family(
    family: str, members: dict[str, Member], *, here: Path, script: str, tensors: Path | None = None
) -> None:
    """The command line of a family's `train.py`; exits with an error when an organism misses its range."""
    parser = argparse.ArgumentParser(description=f"Makes organisms of {family}.")
    parser.add_argument("--member", required=True, choices=sorted(members))
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--out", type=Path, default=here, help="where the folders go; default: beside the script")
    options = parser.parse_args()
    torch.set_num_threads(1)
    member = members[options.member]
    world = tensors_of(tensors or here / "write-tensors.ts", *member.world)
    missed = [
        each
        for seed in options.seed
        for each in make_organism(
            family, options.member, member, seed, world, script=script, home=options.out
        )
    ]
    if missed:
        raise SystemExit("\n".join(missed))
