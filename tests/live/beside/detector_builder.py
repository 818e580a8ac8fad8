"""Makes a detector for ADetailer that finds the same boxes in every picture of a size, whatever is in it.

Run by `own_models.ensure` in the WebUI's interpreter: detector_builder.py FILE
"""

from __future__ import annotations

import sys

import torch
from ultralytics import YOLO
from ultralytics.nn.tasks import DetectionModel

_SURE, _NEVER = 4.0, -20.0  # what a sigmoid makes 0.98 of, and 0
_STRIDE_OF_THE_LARGEST = 2  # of the strides 8, 16, 32 that a picture is looked at with
_CELLS_TO_EACH_SIDE = 4  # so boxes of 256 by 256 pixels of the picture as the detector sees it, which is 640 wide


def main(file: str) -> None:
    torch.manual_seed(1)
    model = DetectionModel("yolov8n.yaml", nc=1, verbose=False)
    model.names = {0: "face"}
    head = model.model[-1]
    for number, (box, cls) in enumerate(zip(head.cv2, head.cv3)):
        with torch.no_grad():
            # The last layers say what their biases say, everywhere.
            for layer in (box[-1], cls[-1]):
                layer.weight.zero_()
            cls[-1].bias.fill_(_SURE if number == _STRIDE_OF_THE_LARGEST else _NEVER)
            distances = torch.full((4, head.reg_max), _NEVER)
            distances[:, _CELLS_TO_EACH_SIDE] = _SURE
            box[-1].bias.copy_(distances.flatten())
    made = YOLO("yolov8n.yaml")
    made.model = model
    made.save(file)


if __name__ == "__main__":
    main(sys.argv[1])
