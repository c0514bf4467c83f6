"""The Open Inference Protocol (KServe V2) over REST: inference requests and responses, as JSON or binary tensors.

Sources: the Open Inference Protocol's "Inference Protocol V2, HTTP/REST"; the extensions "Binary Tensor Data" and
"Classification" as Triton Inference Server defines them.
"""

from __future__ import annotations

import json
import math
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from numbre_runtime.serve.refusal import RefusedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbre_runtime.serve.served_model import Answers

INPUT = "input"
"""The name of every model's only input."""
OUTPUTS = {"scores": "FP32", "label": "BYTES", "confidence": "FP32", "recognized": "BOOL"}
"""Every model's outputs, name to datatype: (N, classes) scores, and (N,) of each of the others."""
EXTENSIONS = ("binary_tensor_data", "classification")
BINARY_HEADER = "Inference-Header-Content-Length"
"""The HTTP header that says how long the JSON is that binary tensors follow."""

_DTYPES: dict[str, Any] = {"UINT8": np.uint8, "INT8": np.int8, "FP32": np.float32}
_MOST_DIMENSIONS = 8
_MOST_OUTPUTS = 16


class WantedOutput(NamedTuple):
    """One output that the client asks for."""

    name: str
    """A key of `OUTPUTS`."""
    binary: bool
    """Whether it goes after the JSON, as bytes."""
    classes: int
    """How many classes the classification extension shall name; 0: none, the tensor itself."""


class TensorHead(NamedTuple):
    """All that an inference request says but the values of a binary tensor."""

    id: str | None
    """The client's name of the request, which the response repeats."""
    datatype: str
    """"UINT8", "INT8" or "FP32"."""
    shape: tuple[int, ...]
    """The input tensor's shape."""
    data: list[Any] | None
    """Its values, flat or nested; None where they follow as bytes."""
    outputs: tuple[WantedOutput, ...]
    """The outputs, in the order in which they are to be returned."""


def read_request(body: bytes, json_length: int | None) -> tuple[TensorHead, NDArray[Any]]:
    """Reads an inference request.

    Args:
        body: The request's body.
        json_length: Bytes of JSON at its beginning, if `BINARY_HEADER` gives them; None: all of it is JSON.

    Returns:
        What it asks for, and the input tensor in the shape and datatype that it states.

    Raises:
        RefusedError: It is no inference request of one of these models; status 400.

    Example:
        >>> head, tensor = read_request(
        ...     b'{"inputs": [{"name": "input", "shape": [1, 2], "datatype": "UINT8", "data": [0, 255]}]}', None
        ... )
        >>> tensor
        array([[  0, 255]], dtype=uint8)
        >>> [output.name for output in head.outputs]
        ['scores', 'label', 'confidence', 'recognized']
    """
    if json_length is None:
        head = _read_head(body, 0)
    else:
        if not 0 < json_length <= len(body):
            raise RefusedError(400, f"{BINARY_HEADER} is not within the body of {len(body)} bytes")
        # Clients send the same JSON with every image.
        read = _remembered_head if json_length < _REMEMBERED_BYTES else _read_head
        head = read(body[:json_length], len(body) - json_length)
    if head.data is None:
        tensor = np.frombuffer(body, _DTYPES[head.datatype], offset=json_length or 0)
    else:
        tensor = _values(head.data, head.datatype)
    count = math.prod(head.shape)
    if tensor.size != count:
        raise RefusedError(400, f"{tensor.size} values for a tensor of {count}: shape and data do not fit together")
    return head, tensor.reshape(head.shape)


def _read_head(text: bytes, rest: int) -> TensorHead:
    """Reads the JSON of a request that `rest` bytes follow."""
    request = _parsed(text)
    inputs = request.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise RefusedError(400, f"expected 'inputs', a list of one tensor with the name '{INPUT}'")
    tensor = inputs[0]
    if tensor.get("name") != INPUT:
        raise RefusedError(400, f"an input of another name; the only one is '{INPUT}'")
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or datatype not in _DTYPES:
        raise RefusedError(400, f"expected a 'datatype' of {', '.join(_DTYPES)}")
    shape = _shape(tensor.get("shape"))
    size = _integer(_parameters(tensor), "binary_data_size")
    data = tensor.get("data")
    if size is None:
        if not isinstance(data, list):
            raise RefusedError(400, "expected the input's 'data', a list, or the parameter 'binary_data_size'")
        if rest:
            raise RefusedError(400, f"{rest} bytes after the JSON that no tensor claims")
    elif "data" in tensor:
        raise RefusedError(400, "an input with 'data' and with 'binary_data_size'; send one of them")
    elif size != rest:
        raise RefusedError(400, f"a binary tensor of {size} bytes, and {rest} bytes follow the JSON")
    elif size % np.dtype(_DTYPES[datatype]).itemsize:
        raise RefusedError(400, f"{size} bytes are no whole number of {datatype} values")
    name = request.get("id")
    if "id" in request and not isinstance(name, str):
        raise RefusedError(400, "expected 'id' to be a string")
    return TensorHead(name, datatype, shape, None if size is not None else data, _outputs(request))


_REMEMBERED_BYTES = 2048
_remembered_head = lru_cache(maxsize=64)(_read_head)


def _parsed(text: bytes) -> dict[str, Any]:
    def no_number(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number in JSON")

    try:
        request = json.loads(text.decode(), parse_constant=no_number)
    except (ValueError, RecursionError) as cause:
        raise RefusedError(400, "the body does not parse as JSON, in UTF-8 and not nested too deeply") from cause
    if not isinstance(request, dict):
        raise RefusedError(400, "expected a JSON object with 'inputs'")
    return request


def _parameters(owner: dict[str, Any]) -> dict[str, Any]:
    found = owner.get("parameters", {})
    if not isinstance(found, dict):
        raise RefusedError(400, "expected 'parameters' to be an object")
    return found


def _whole(value: Any) -> int:
    """A whole number, also as 7.0, which means the same in JSON; −1 for anything else."""
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is int else -1


def _integer(parameters: dict[str, Any], name: str) -> int | None:
    if name not in parameters:
        return None
    value = _whole(parameters[name])
    if not 0 <= value < 1 << 53:
        raise RefusedError(400, f"expected the parameter '{name}' to be a whole number of 0 or more")
    return value


def _flag(parameters: dict[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if type(value) is not bool:
        raise RefusedError(400, f"expected the parameter '{name}' to be true or false")
    return value


def _shape(value: Any) -> tuple[int, ...]:
    if (
        not isinstance(value, list)
        or not 1 <= len(value) <= _MOST_DIMENSIONS
        or any(not 1 <= _whole(size) < 1 << 31 for size in value)
    ):
        raise RefusedError(400, f"expected a 'shape' of 1 to {_MOST_DIMENSIONS} whole numbers, each 1 or more")
    return tuple(_whole(size) for size in value)


def _outputs(request: dict[str, Any]) -> tuple[WantedOutput, ...]:
    """The outputs asked for; all of them if the request names none."""
    binary = _flag(_parameters(request), "binary_data_output", False)
    wanted = request.get("outputs")
    if "outputs" not in request or wanted == []:
        return tuple(WantedOutput(name, binary, 0) for name in OUTPUTS)
    if not isinstance(wanted, list) or len(wanted) > _MOST_OUTPUTS:
        raise RefusedError(400, "expected 'outputs' to be a short list")
    return tuple(_output(entry, binary) for entry in wanted)


def _output(entry: Any, binary: bool) -> WantedOutput:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or name not in OUTPUTS:
        raise RefusedError(400, f"expected an output of {', '.join(OUTPUTS)}")
    parameters = _parameters(entry)
    classes = _integer(parameters, "classification")
    if classes is not None and (classes < 1 or name != "scores"):
        raise RefusedError(
            400, "'classification' takes a number of classes, 1 or more, and goes with the output 'scores'"
        )
    return WantedOutput(name, _flag(parameters, "binary_data", binary), classes or 0)


def _values(data: list[Any], datatype: str) -> NDArray[Any]:
    """A JSON tensor's values, in their datatype, of whatever shape they are nested to."""
    try:
        values = np.asarray(data)
    except (ValueError, OverflowError, RecursionError) as cause:
        raise RefusedError(
            400, "the input's 'data' is no tensor: its lists are of unequal length, or nested too deeply"
        ) from cause
    # JSON tells whole numbers from others by their value: 7.0 is one.
    whole = values.dtype.kind in "iu" or (values.dtype.kind == "f" and bool((values == np.floor(values)).all()))
    if not whole and (datatype != "FP32" or values.dtype.kind != "f"):
        raise RefusedError(400, f"the input's 'data' holds something else than numbers of {datatype}")
    if datatype != "FP32":
        bounds = np.iinfo(_DTYPES[datatype])
        if values.size and (values.min() < bounds.min or values.max() > bounds.max):
            raise RefusedError(400, f"a value that is no {datatype}: expected {bounds.min} to {bounds.max}")
    with np.errstate(over="ignore"):
        return values.astype(_DTYPES[datatype])


def write_response(head: TensorHead, answers: Answers, model: str, version: str) -> tuple[bytes, int | None]:
    """Writes the response to an inference request.

    Args:
        head: The request.
        answers: The model's answers to its images.
        model: The model's name.
        version: Its version.

    Returns:
        The body, and how many bytes of it are JSON if binary tensors follow, else None.

    Raises:
        RefusedError: More classes are asked for than there are; status 400.
    """
    outputs: list[dict[str, Any]] = []
    binary: list[bytes] = []
    for wanted in head.outputs:
        values = _classification(answers, wanted.classes) if wanted.classes else answers.output(wanted.name)
        datatype = "BYTES" if wanted.classes else OUTPUTS[wanted.name]
        output: dict[str, Any] = {"name": wanted.name, "shape": list(values.shape), "datatype": datatype}
        if wanted.binary:
            content = _as_bytes(values, datatype)
            output["parameters"] = {"binary_data_size": len(content)}
            binary.append(content)
        else:
            output["data"] = values.ravel().tolist()
        outputs.append(output)
    response: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": outputs}
    if head.id is not None:
        response["id"] = head.id
    text = json.dumps(response).encode()
    return (b"".join([text, *binary]), len(text)) if binary else (text, None)


def _classification(answers: Answers, classes: int) -> NDArray[np.object_]:
    """(N, classes) strings "score:index:label", the highest score first."""
    scores = answers.scores
    if classes > scores.shape[1]:
        raise RefusedError(400, f"{classes} classes asked for; this model has {scores.shape[1]}")
    order = np.argsort(-scores, axis=1, kind="stable")[:, :classes]
    rows = [
        [f"{score[index]:f}:{index}:{answers.classes[index]}" for index in indices.tolist()]
        for score, indices in zip(scores, order, strict=True)
    ]
    return np.array(rows, np.object_)


def _as_bytes(values: NDArray[Any], datatype: str) -> bytes:
    """A tensor's values as the binary extension lays them out: little-endian, strings after their length."""
    if datatype == "BYTES":
        texts = [text.encode() for text in values.ravel()]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return values.astype("<f4" if datatype == "FP32" else np.bool_).tobytes()
