"""Our IR in Model API, an independent reader of it: labels and type come from the file, answers agree."""

from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
from model_api.models import ClassificationModel

from omz.converter import command
from omz.downloader import command as downloader
from omz.zoo.catalogue import packaged_root

SAMPLE = packaged_root() / "samples/se-resnext-digits"


@pytest.fixture(scope="module", params=["FP32", "FP16"])
def xml(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ir")
    where = ["--name", SAMPLE.name, "-o", str(folder), "--quiet"]
    assert downloader.main(where) == 0
    assert command.main([*where, "-d", str(folder), "--precisions", request.param]) == 0
    return folder / "samples" / SAMPLE.name / request.param / f"{SAMPLE.name}.xml"


def test_labels_type_and_answers(xml: Path) -> None:
    model = ClassificationModel.create_model(str(xml), configuration={"topk": 3})
    assert isinstance(model, ClassificationModel)
    assert model.params.labels[:2] == ["red_0", "red_1"]
    assert len(model.params.labels) == 20
    network = ov.Core().compile_model(xml, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for path in sorted((SAMPLE / "images").glob("*.png")):
        picture = cv2.imread(str(path))
        best = model(picture).top_labels[0]
        assert best.name == path.stem
        plain = cv2.resize(picture, (32, 32)).transpose(2, 0, 1)[None].astype(np.float32)
        scores = network(plain)[0][0]
        assert scores.argmax() == best.id
        # Model API resizes inside the graph, which rounds pixels otherwise than OpenCV does.
        assert abs(scores.max() - best.confidence) < 0.05
