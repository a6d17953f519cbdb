"""The scikit-learn side of sklearn.bench.ts: the same standardised fits, one after the other, as a script would do them."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

folder = Path(sys.argv[1])
spec = json.loads((folder / "spec.json").read_text())
rows, width = spec["rows"], spec["width"]
x = np.fromfile(folder / "x.f32", dtype=np.float32).reshape(rows, width)
labels = np.fromfile(folder / "labels.i32", dtype=np.int32).reshape(spec["labelSets"], rows)
penalty = spec["penalty"]

seconds = 0.0
objectives = []
iterations = []
for fold in range(spec["folds"]):
    kept = np.arange(rows) % spec["folds"] != fold
    started = time.perf_counter()
    z = StandardScaler().fit_transform(x[kept])
    # Once a fold, whatever the number of label sets that are timed.
    seconds += (time.perf_counter() - started) * spec["timed"] / spec["labelSets"]
    for values in labels[: spec["timed"]]:
        y = values[kept]
        started = time.perf_counter()
        fit = LogisticRegression(C=1 / penalty, tol=1e-4, max_iter=500).fit(z, y)
        seconds += time.perf_counter() - started
        iterations.append(int(fit.n_iter_[0]))
        # Not timed: sum of log losses + penalty / 2 |w|^2, in 64 bits.
        w, b = fit.coef_[0].astype(np.float64), float(fit.intercept_[0])
        margins = (z.astype(np.float64) @ w + b) * np.where(y == 1, 1.0, -1.0)
        objectives.append(float(np.logaddexp(0, -margins).sum() + penalty / 2 * (w @ w)))
    print(f"scikit-learn: fold {fold + 1} of {spec['folds']}, {seconds:.1f} s so far", flush=True)

result = {"seconds": seconds, "objectives": objectives, "iterations": iterations, "version": sklearn.__version__}
(folder / "result.json").write_text(json.dumps(result))
