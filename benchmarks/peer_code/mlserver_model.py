"""The same bundle behind MLServer: its runtime's `predict` calls ours."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

import numbre_runtime


class NumbreModel(MLModel):  # type: ignore[misc]
    """One image of pixels in, scores out."""

    async def load(self) -> bool:
        """Loads the bundle that model-settings.json names."""
        self._classifier = numbre_runtime.load(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Classifies the images of a request."""
        images = NumpyCodec.decode_input(payload.inputs[0]).astype(np.uint8)
        scores = self._classifier.predict_batch(images)
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("scores", scores, use_bytes=False)]
        )
