"""What is worked out on a device that has no float64, such as Apple's MPS: the same as on the CPU, and without it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lib_zsnr.core import schedule
from lib_zsnr.core.bridge import Bridge
from lib_zsnr.core.fitted import Fitted
from lib_zsnr.core.guidance import rescale_cfg
from lib_zsnr.core.spacing import TRAILING
from lib_zsnr.webui.hosts.schedule import trained
from lib_zsnr.webui.page.levels import described

ALPHAS_CUMPROD = schedule.scaled_linear_alphas_cumprod().float()
TABLE = schedule.sigmas_from_alphas_cumprod(schedule.rescale_zero_terminal_snr(ALPHAS_CUMPROD))
LATENTS = torch.randn(3, 2, 4, 8, 8, generator=torch.Generator().manual_seed(0))


class OnTheDevice(Tensor):
    """A tensor that stands for one on such a device: whatever is worked out of it is there too, until `cpu`."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function is Tensor.cpu:
            return args[0].as_subclass(Tensor).clone()
        made = super().__torch_function__(function, types, args, kwargs or {})
        if isinstance(made, cls) and made.dtype == torch.float64:
            raise TypeError(f"{function.__name__}: the device does not support float64")
        moved = isinstance(made, Tensor) and not isinstance(made, cls) and function is Tensor.to
        return made.as_subclass(cls) if moved else made


def on_the_device(values: Tensor) -> Tensor:
    return values.clone().as_subclass(OnTheDevice)


WORKED_OUT = {
    "zero terminal SNR": (schedule.rescale_zero_terminal_snr, ALPHAS_CUMPROD),
    "as trained": (lambda values: trained(values, schedule.LINEAR_START, schedule.LINEAR_END), ALPHAS_CUMPROD),
    "another schedule": (lambda values: trained(values, 0.001, 0.02), ALPHAS_CUMPROD),
    "trailing": (lambda table: TRAILING.sigmas(table, 20), TABLE),
    "trailing, more steps than timesteps": (lambda table: TRAILING.sigmas(table, 1500), TABLE),
    "fitted": (lambda table: Fitted(64).sigmas(table, 20), TABLE),
    "fitted, at timesteps": (lambda table: Fitted(64).timesteps(table, 20), TABLE),
    "bridge": (lambda table: Bridge(None).sigmas(table, 20), TABLE),
    "what the panel draws": (lambda table: torch.tensor(described(table.flip(0), table.flip(0))["log_snr"]), TABLE),
    "CFG rescale": (lambda x: rescale_cfg(x[0], x[1, :, 0, 0, 0].abs(), x[1], x[2], 0.7), LATENTS),
}


@pytest.mark.parametrize("what", WORKED_OUT)
def test_it_is_the_same_as_on_the_cpu(what: str):
    work_out, values = WORKED_OUT[what]
    found = work_out(on_the_device(values))
    plain = found.cpu() if isinstance(found, OnTheDevice) else found
    torch.testing.assert_close(plain, work_out(values), rtol=0, atol=0)


def test_the_stand_in_has_no_float64():
    for convert in (Tensor.double, lambda values: values.to("cpu", torch.float64)):
        with pytest.raises(TypeError, match="float64"):
            convert(on_the_device(TABLE))
