"""The `model_sampling` of reForge and Forge Classic, on doubles of their two modules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from lib_zsnr.core import schedule
from lib_zsnr.plan.plan import Plan

MODULE = "lib_zsnr.webui.hosts.reforge.sampling_object"
TRAINED = schedule.scaled_linear_alphas_cumprod()
ZERO = schedule.rescale_zero_terminal_snr(TRAINED)
V_AND_ZERO = Plan(active=True, prediction="v", zero_terminal_snr=True)
EPSILON = Plan(active=True)


class Eps:
    def calculate_denoised(self) -> str:
        return "epsilon"


class V(Eps):
    def calculate_denoised(self) -> str:
        return "v"


class Discrete(torch.nn.Module):
    linear_start, linear_end = schedule.LINEAR_START, schedule.LINEAR_END

    def __init__(self, rescaled: bool) -> None:
        super().__init__()
        self.set_sigmas(schedule.sigmas_from_alphas_cumprod(ZERO if rescaled else TRAINED).float())

    def set_sigmas(self, sigmas: torch.Tensor) -> None:
        self.register_buffer("sigmas", sigmas)

    def timestep(self) -> None: ...


class Continuous(Discrete):
    def timestep(self) -> None: ...


class OfEps(Discrete, Eps): ...


class OfV(Discrete, V): ...


class Edm(Continuous, V): ...


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    doubles = {
        "model_sampling": {"EPS": Eps, "V_PREDICTION": V, "ModelSamplingDiscrete": Discrete},
        "model_base": {
            "ModelType": SimpleNamespace(EPS=OfEps, V_PREDICTION=OfV),
            "model_sampling": lambda config, kind: kind(config["zsnr"]),
        },
    }
    found = ModuleType("ldm_patched.modules")
    monkeypatch.setitem(sys.modules, "ldm_patched", ModuleType("ldm_patched"))
    monkeypatch.setitem(sys.modules, "ldm_patched.modules", found)
    for name, contents in doubles.items():
        double = ModuleType(f"ldm_patched.modules.{name}")
        vars(double).update(contents)
        vars(found)[name] = double
        monkeypatch.setitem(sys.modules, double.__name__, double)
    yield importlib.import_module(MODULE)
    sys.modules.pop(MODULE)


def patcher(sampling: Any, zsnr: bool = False) -> Any:
    model = torch.nn.Module()
    model.model_sampling, model.model_config = sampling, {"zsnr": zsnr}
    return SimpleNamespace(model=model, object_patches={}, object_patches_backup={})


def same(found: Any, alphas_cumprod: torch.Tensor) -> bool:
    return torch.allclose(found.sigmas.double(), schedule.sigmas_from_alphas_cumprod(alphas_cumprod), rtol=1e-6)


@pytest.mark.parametrize("left_behind", [False, True])
@pytest.mark.parametrize("zsnr", [False, True])
def test_a_new_one_follows_the_plan_whatever_the_model_has(module: Any, left_behind: bool, zsnr: bool):
    unet = patcher(OfEps(left_behind), zsnr)
    v = module.following(unet, V_AND_ZERO)
    assert isinstance(v, OfV)
    assert same(v, ZERO)
    epsilon = module.following(unet, EPSILON)
    assert isinstance(epsilon, OfEps)
    assert same(epsilon, TRAINED)
    assert same(unet.model.model_sampling, ZERO if left_behind else TRAINED)


def test_ours_stands_there_until_it_is_put_back(module: Any):
    unet = patcher(OfEps(False))
    theirs, ours = unet.model.model_sampling, module.following(unet, V_AND_ZERO)
    exchange = module.Exchange(unet.model, ours)
    exchange.put()
    exchange.put()
    assert unet.model.model_sampling is ours
    assert module.of(unet) is theirs
    assert list(unet.model.children()) == [ours]
    assert list(ours.children()) == []
    exchange.put_back()
    assert unet.model.model_sampling is theirs


def test_what_loading_the_model_puts_there_is_what_comes_back(module: Any):
    """An earlier request's patcher had put its own on the model, and loading takes that out."""
    own, left_behind = OfEps(False), Edm(False)
    unet = patcher(left_behind)
    unet.object_patches_backup["model_sampling"] = own
    assert module.of(unet) is own
    exchange = module.Exchange(unet.model, module.following(unet, V_AND_ZERO))
    exchange.put()
    unet.model.model_sampling = unet.object_patches_backup.pop("model_sampling")
    exchange.put()
    assert isinstance(unet.model.model_sampling, OfV)
    exchange.put_back()
    assert unet.model.model_sampling is own


def test_what_somebody_else_put_there_since_is_left_alone(module: Any):
    unet, other = patcher(OfEps(False)), OfEps(False)
    exchange = module.Exchange(unet.model, OfV(True))
    exchange.put()
    unet.model.model_sampling = other
    exchange.put_back()
    assert unet.model.model_sampling is other


@pytest.mark.parametrize(("kind", "known"), [(OfEps, True), (OfV, True), (Edm, False)])
def test_edm_has_no_such_schedule(module: Any, kind: type, known: bool):
    assert module.has_schedule(kind(False)) == known


@pytest.mark.parametrize("kept", [TRAINED.float(), ZERO.float(), None], ids=["kept", "lost", "never kept"])
def test_a_schedule_that_was_left_behind_is_repaired_in_both_places(module: Any, kept: torch.Tensor | None):
    unet = patcher(OfV(True))
    model = SimpleNamespace(forge_objects=SimpleNamespace(unet=unet), alphas_cumprod=ZERO.float())
    if kept is not None:
        model.alphas_cumprod_original = kept
    module.repair(model)
    assert torch.equal(unet.model.model_sampling.sigmas, OfV(False).sigmas)
    assert torch.equal(model.alphas_cumprod, TRAINED.float())


def test_a_schedule_of_another_kind_is_left_alone(module: Any):
    sampling = OfEps(False)
    sampling.set_sigmas(sampling.sigmas * 1.5)
    before = sampling.sigmas.clone()
    mine = TRAINED.float() * 0.9
    model = SimpleNamespace(forge_objects=SimpleNamespace(unet=patcher(sampling)), alphas_cumprod=mine)
    module.repair(model)
    assert torch.equal(sampling.sigmas, before)
    assert model.alphas_cumprod is mine


@pytest.mark.parametrize("zero", [False, True])
def test_the_second_table_of_the_webui_is_kept_to_the_bit_where_it_is_the_same_schedule(module: Any, zero: bool):
    ours = module.following(patcher(OfEps(False)), V_AND_ZERO if zero else EPSILON)
    held = TRAINED.float()
    found = module.alphas_cumprod_in(SimpleNamespace(alphas_cumprod=held), ours)
    assert (found is held) != zero
    assert torch.allclose(found.double(), ZERO if zero else TRAINED, rtol=1e-5)
