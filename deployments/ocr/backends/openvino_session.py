"""Compiling ONNX models with OpenVINO and running many inputs through one, several at a time where that pays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


_KERNELS_KEPT = 100
"""OpenVINO keeps what it compiled for each shape of input, by default 5,000 pieces: pages of ever new sizes grew a
replica by 9 MB each 3 pages. With 100 it stays level and takes 3 % longer. (`intel_cpu/src/internal_properties.hpp`)"""


@dataclass(frozen=True, slots=True)
class OpenVinoSettings:
    """OpenVINO's own properties of the same names (docs.openvino.ai, "CPU device")."""

    threads: int | None = None
    """`INFERENCE_NUM_THREADS`; None takes every core the process may use."""
    precision: str | None = None
    """`INFERENCE_PRECISION_HINT`: `f32` or `bf16`; None is OpenVINO's choice for the processor."""
    cache_dir: str | None = None
    """Where compiled models are kept between starts."""

    def properties(self, performance_hint: str) -> dict[str, str | int]:
        chosen: dict[str, str | int | None] = {
            # By default every process binds its threads to the first cores: two engines of one thread shared one core.
            "ENABLE_CPU_PINNING": False,
            "PERFORMANCE_HINT": performance_hint,
            "INFERENCE_NUM_THREADS": self.threads,
            "INFERENCE_PRECISION_HINT": self.precision,
            "CACHE_DIR": self.cache_dir,
            "CPU_RUNTIME_CACHE_CAPACITY": _KERNELS_KEPT,
        }
        return {key: value for key, value in chosen.items() if value is not None}


class OpenVinoSession:
    """One model with one input, compiled twice: for one input alone, on all threads, and for many, side by side.

    Two inputs on two cores, each on one thread, took 20 % less than one after the other on two threads.
    """

    def __init__(self, model: Any, settings: OpenVinoSettings) -> None:
        import openvino as ov

        core = ov.Core()
        self._outputs = len(model.outputs)
        self._alone = ov.AsyncInferQueue(core.compile_model(model, "CPU", settings.properties("LATENCY")))
        self._side_by_side = ov.AsyncInferQueue(core.compile_model(model, "CPU", settings.properties("THROUGHPUT")))

    @property
    def width(self) -> int:
        """How many inputs run side by side."""
        return len(self._side_by_side)

    def run(self, inputs: Iterable[NDArray[Any]], count: int) -> list[list[NDArray[Any]]]:
        """The outputs for each of `count` inputs, in order. The next is made (in Python) while others are running.

        Raises:
            RuntimeError: OpenVINO could not run one of them.
        """
        results: list[list[NDArray[Any]]] = []

        def keep(request: Any, index: int) -> None:
            results[index] = [request.get_output_tensor(i).data.copy() for i in range(self._outputs)]

        queue = self._side_by_side if count > 1 else self._alone
        queue.set_callback(keep)
        for index, value in enumerate(inputs):
            results.append([])
            queue.start_async({0: value}, index)
        queue.wait_all()
        return results


def read_model(file: Path) -> Any:
    import openvino as ov

    return ov.Core().read_model(file)


def with_top_class(model: Any) -> Any:
    """`model` with its output, class probabilities N x T x C, replaced by each step's best class and its probability.

    The recogniser's C is 18,710: handing only the best one out halves its time (numpy's argmax over the whole is slow).
    """
    import openvino as ov
    from openvino import opset13

    probabilities = model.outputs[0].get_node().input_value(0)
    best = opset13.topk(probabilities, opset13.constant(1), -1, "max", "none", index_element_type="i32")
    return ov.Model([best.output(1), best.output(0)], model.get_parameters(), "top_class")


def with_pixel_input(model: Any) -> Any:
    """`model` taking N x H x W x 3 RGB bytes, for one that wants N x 3 x H x W BGR floats from -1 to 1."""
    import openvino as ov
    from openvino.preprocess import ColorFormat, PrePostProcessor

    steps = PrePostProcessor(model)
    pixels = steps.input()
    pixels.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.RGB)
    pixels.preprocess().convert_element_type(ov.Type.f32).convert_color(ColorFormat.BGR).mean(127.5).scale(127.5)
    pixels.model().set_layout(ov.Layout("NCHW"))
    return steps.build()
