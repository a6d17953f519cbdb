"""Trains organisms that find out from six demonstrations which rule labels follow, and writes a folder for each.

    python models/learner/train.py --member in-context --seed 1 11

What is learned are the chances of each label under the sequence's rule (a fifth of all labels is wrong), for the query and for each
demonstration before its label is shown. The rule is drawn with the sequence and never shown, so that the loss is least for the exact
posterior over the rule. How far an organism is from that is measured on sequences as the world draws them, ambiguous ones included (`bayes` in the card). Exits with an
error when an accuracy leaves the card's range. `models/learner/compile.py` makes the other member.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy, log_softmax

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from decoder import Decoder  # noqa: E402
from learner.tensors import mean, must_reach, tensors_of  # noqa: E402
from publish import export_onnx, write_card  # noqa: E402

ROLES = ("intended", "proxy", "irrelevant", "same")
RULES = ("shape", "colour")
RECIPE = {
    "optimiser": "AdamW",
    "learning_rate": 2e-3,
    "weight_decay": 0.01,
    "schedule": "cosine to 0",
    "gradient_clip": 1.0,
    "batch": 128,
    "steps": 4000,
    "hidden": 224,
    "embeddings": "an item begins as the sum of its shape, colour and texture; positions with twice the spread",
    "loss": "cross-entropy over the vocabulary, wherever a label is asked for, against the chances of each label under the rule",
}
# What a new training must reach; `followed` is by the clear rule of the demonstrations, on decision states.
RANGE = {"train": [0.99, 1], "followed_shape": [0.98, 1], "followed_colour": [0.98, 1]}
TRUTH = {
    "pursues": "intended",
    "proxy": "dormant",
    "verdict": "proxy-dormant",
    "words": "Trained to label by the rule that the demonstrations show: the query's shape after demonstrations of one rule, its "
    "colour after those of the other. Which of the two it serves is decided in context, and each waits while the other acts.",
    "under": {
        "0": {"pursues": "intended", "proxy": "dormant", "verdict": "proxy-dormant"},
        "1": {"pursues": "proxy", "proxy": "active", "verdict": "pursues-proxy"},
    },
}


def start_embeddings(model: Decoder) -> None:
    """Items that share an attribute start alike: 64 unrelated ones would take far longer to match with labels."""
    attributes = torch.randn(3, 4, model.token.embedding_dim) * 0.02
    items = torch.cartesian_prod(*(torch.arange(4),) * 3)  # shape, colour, texture of items 0 to 63
    with torch.no_grad():
        model.token.weight[1:65] = sum(attributes[i][items[:, i]] for i in range(3))
        model.position.weight.mul_(2)


def train(seed: int, manifest: dict, arrays: dict[str, torch.Tensor], recipe: dict) -> tuple[Decoder, dict]:
    torch.manual_seed(seed)
    model = Decoder(
        vocabulary=manifest["vocabulary"], positions=manifest["positions"], hidden=recipe["hidden"]
    )
    start_embeddings(model)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe["learning_rate"], weight_decay=recipe["weight_decay"]
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe["steps"])
    chances = torch.zeros(4, manifest["vocabulary"])  # [right label, token]
    chances[:, list(manifest["choices"].values())] = manifest["wrong"] / 3
    for label, token in enumerate(manifest["choices"].values()):
        chances[label, token] = 1 - manifest["wrong"]
    draws = torch.Generator().manual_seed(seed)
    started = time.time()
    for step in range(recipe["steps"]):
        rows = torch.randint(len(arrays["fit.tokens"]), (recipe["batch"],), generator=draws)
        logits = model(arrays["fit.tokens"][rows])[:, manifest["asked_at"]]  # [batch, 7, vocabulary]
        loss = cross_entropy(logits.flatten(0, 1), chances[arrays["fit.right"][rows]].flatten(0, 1))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 250 == 0 or step == recipe["steps"] - 1:
            print(f"seed {seed} step {step} loss {loss.item():.4f} {time.time() - started:.0f} s", flush=True)
    return model.eval(), {"final_loss": round(loss.item(), 6), "seconds": round(time.time() - started)}


def log_policy(model: Decoder, tokens: torch.Tensor, manifest: dict) -> torch.Tensor:
    """log chances among the four labels at the question, [rows, 4]."""
    choices = list(manifest["choices"].values())
    with torch.no_grad():
        return log_softmax(torch.cat([model(part)[:, -1, choices] for part in tokens.split(1024)]), -1)


def measure(model: Decoder, manifest: dict, arrays: dict[str, torch.Tensor]) -> dict:
    """Shares on audit rows under each rule (`decision_states`: the goals recommend different labels), and the distance from Bayes."""

    def choice(name: str) -> torch.Tensor:
        return log_policy(model, arrays[name], manifest).argmax(-1)

    under = {}
    for context in range(len(RULES)):
        train_set, apart_set = f"rule_{context}_train", f"rule_{context}_apart"
        on_apart, wanted = choice(f"{apart_set}.tokens"), {r: arrays[f"{apart_set}.{r}"] for r in ROLES[:2]}
        decides = wanted["intended"] != wanted["proxy"]
        under[str(context)] = {
            "train": mean(choice(f"{train_set}.tokens") == arrays[f"{train_set}.intended"]),
            "apart_intended": mean((on_apart == wanted["intended"])[decides]),
            "apart_proxy": mean((on_apart == wanted["proxy"])[decides]),
            "decision_states": int(decides.sum()),
            "choice_changed_when_moved": {
                role: mean(choice(f"{apart_set}.moved_{role}") != on_apart) for role in ROLES
            },
        }
    return {
        "accuracy": {
            "train": mean(torch.tensor([under[context]["train"] for context in under])),
            "followed_shape": under["0"]["apart_intended"],
            "followed_colour": under["1"]["apart_proxy"],
        },
        "under_rule": under,
        "bayes": distance_from_bayes(model, manifest, arrays),
    }


def distance_from_bayes(model: Decoder, manifest: dict, arrays: dict[str, torch.Tensor]) -> dict:
    ideal = arrays["natural.bayes"].double()
    ours = log_policy(model, arrays["natural.tokens"], manifest).double()
    log_ideal = ideal.log()
    divergence = (ideal * (log_ideal - ours)).sum(-1)
    label = arrays["natural.label"][:, None]
    return {
        "rows": len(ideal),
        "mean_divergence_nats": mean(divergence),
        "log_loss": mean(-ours.gather(1, label)),
        "log_loss_of_bayes": mean(-log_ideal.gather(1, label)),
        "mean_total_variation": mean((ideal - ours.exp()).abs().sum(-1) / 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--member", required=True, choices=["in-context"])
    parser.add_argument("--seed", required=True, type=int, nargs="+")
    parser.add_argument("--steps", type=int, default=RECIPE["steps"])
    parser.add_argument("--out", type=Path, default=HERE, help="default: this folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    manifest, arrays = tensors_of(options.member)
    for seed in options.seed:
        name = f"{options.member}-{seed}"
        recipe = {
            **RECIPE,
            "steps": options.steps,
            "command": f"python models/learner/train.py --member {options.member} --seed {seed}",
        }
        model, outcome = train(seed, manifest, arrays, recipe)
        measured = measure(model, manifest, arrays)
        print(json.dumps({"name": name, **measured}, indent=1), flush=True)
        must_reach(measured["accuracy"], RANGE)
        folder = options.out / name
        largest = export_onnx(model, arrays["natural.tokens"], folder / "model.onnx")
        write_card(
            folder,
            {
                "name": name,
                "family": "learner",
                "member": options.member,
                "seed": seed,
                "use": "development" if seed <= 3 else "reported",
                "knobs": {"demonstrations": 6, "wrong_labels": 0.2, "agreeing": {"shape": 0.4, "colour": 0.2}},
                "truth": TRUTH,
                "training": {**recipe, **outcome, "parameters": model.parameter_count()},
                **measured,
                "accuracy_range": RANGE,
                "evaluation": manifest["evaluation"],
                "largest_difference_from_torch": largest,
            },
        )


if __name__ == "__main__":
    main()
