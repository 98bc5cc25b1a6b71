"""ONNX Runtime, on models converted by onnxmltools and skl2onnx; float32, which is what they make."""

from __future__ import annotations

from pathlib import Path

from . import Ready, converted

FRAMEWORKS = ("lightgbm", "xgboost", "sklearn")
REQUIREMENTS = (
    "onnxruntime", "onnxmltools", "skl2onnx",
    "protobuf<7",  # which refuses the bool that skl2onnx 1.20 writes for an int
    "lightgbm=={lightgbm}", "xgboost-cpu=={xgboost}", "scikit-learn=={sklearn}",
)  # fmt: skip


def convert(folder: Path, framework: str, path: Path) -> None:
    if framework == "lightgbm":
        import lightgbm
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        model = lightgbm.Booster(model_file=str(folder / "model.txt"))
        types = [("X", FloatTensorType([None, model.num_feature()]))]
        made = convert_lightgbm(model, initial_types=types, zipmap=False)
    elif framework == "xgboost":
        import xgboost
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        model = xgboost.Booster(model_file=str(folder / "model.ubj"))
        made = convert_xgboost(model, initial_types=[("X", FloatTensorType([None, model.num_features()]))])
    else:
        import joblib
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType

        model = joblib.load(folder / "model.joblib")
        types = [("X", FloatTensorType([None, model.n_features_in_]))]
        options = {"zipmap": False} if hasattr(model, "predict_proba") else None
        made = to_onnx(model, initial_types=types, options=options)
    path.write_bytes(made.SerializeToString())


def prepare(folder: Path, framework: str, threads: int) -> Ready:
    import numpy as np
    import onnxruntime

    version = onnxruntime.__version__
    path, seconds = converted("onnxruntime", folder, framework, f"onnxruntime-{version}.onnx", limit_s=300)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    output = [session.get_outputs()[-1].name]  # the probabilities alone, where there is a label too

    return Ready(
        f"onnxruntime {version}",
        "InferenceSession.run",
        lambda table: session.run(output, table)[0],
        hand=lambda X: {"X": np.ascontiguousarray(X, np.float32)},
        compile_s=seconds,
    )
