"""The samplers that Forge Neo, Forge, reForge and Forge Classic list and AUTOMATIC1111's WebUI does not."""

from __future__ import annotations

from tests.matrix import cells

_OTHERS = {
    # Forge Neo
    "Res Multistep": "sample_res_multistep",
    "Kohaku LoNyu Yog": "sample_Kohaku_LoNyu_Yog",
    "ER SDE": "sample_er_sde",
    "Euler CFG++": "sample_euler_cfg_pp",
    "Euler a CFG++": "sample_euler_ancestral_cfg_pp",
    "DPM++ 2M CFG++": "sample_dpmpp_2m_cfg_pp",
    "DPM++ 2s a RF": "sample_dpmpp_2s_ancestral_RF",
    # Forge Classic
    "DDPM": "sample_ddpm",
    "DPM++ SDE CFG++": "sample_dpmpp_sde_cfg_pp",
    "DPM++ 2M SDE CFG++": "sample_dpmpp_2m_sde_cfg_pp",
    "DPM++ 3M SDE CFG++": "sample_dpmpp_3m_sde_cfg_pp",
    # Forge
    "HeunPP2": "sample_heunpp2",
    "IPNDM": "sample_ipndm",
    "IPNDM_V": "sample_ipndm_v",
    "DEIS": "sample_deis",
}
_REFORGE = {
    "Euler A2": "sample_euler_a2",
    "Euler A Comfy RF": "sample_euler_ancestral_RF",
    "Euler Dy": "sample_euler_dy",
    "Euler SMEA Dy": "sample_euler_smea_dy",
    "Euler Negative": "sample_euler_negative",
    "Euler Negative Dy": "sample_euler_dy_negative",
    "DPM++ SDE Classic": "sample_dpmpp_sde_classic",
    "RES Multistep Ancestral": "sample_res_multistep_ancestral",
    "Gradient Estimation": "sample_gradient_estimation",
    "SEEDS 2 DP": "sample_seeds_2",
    "SEEDS 3 DP": "sample_seeds_3",
    "SA-Solver": "sample_sa_solver",
    "SA-Solver-Pece": "sample_sa_solver_pece",
    "RES Solver": "sample_res_solver",
    "DPM++ 2M DY": "sample_dpmpp_2m_dy",
    "ODE (Bosh3)": "sample_ode_bosh3",
    "ODE (Fehlberg2)": "sample_ode_fehlberg2",
    "ODE (Adaptive Heun)": "sample_ode_adaptive_heun",
    "ODE (Dopri5)": "sample_ode_dopri5",
    "DPM++ 2S Ancestral CFG++": "sample_dpmpp_2s_ancestral_cfg_pp",
    "DPM++ 2S Ancestral CFG++ Dyn": "sample_dpmpp_2s_ancestral_cfg_pp_dyn",
    "RES Multistep CFG++": "sample_res_multistep_cfg_pp",
    "RES Multistep Ancestral CFG++": "sample_res_multistep_ancestral_cfg_pp",
    "Gradient Estimation CFG++": "sample_gradient_estimation_cfg_pp",
    "Euler DY CFG++": "sample_euler_dy_cfg_pp",
    "Euler SMEA DY CFG++": "sample_euler_smea_dy_cfg_pp",
    "Euler A DY CFG++": "sample_euler_ancestral_dy_cfg_pp",
    "DPM++ 2M DY CFG++": "sample_dpmpp_2m_dy_cfg_pp",
}
FUNCTIONS = {**_OTHERS, **_REFORGE}
"""By the label in the first WebUI of these that has it. Not here: reForge's Custom Sampler and ODE Custom, which run
what a setting says; its DPM++ 2S Ancestral CFG++ Intern, an experiment that prints its levels; and its DPM++ 3M DY and
3M SDE DY, for which no number of steps is enough: with 6, 10, 20, 30 and 50 the first is .13, .12, .07, .04 and .06
from the converged image, with 6 to 30 the second .22 to .52."""

# What these WebUIs advise for CFG++: nothing divides the scale, and 1 is what 12.5 is elsewhere.
CFG_PP_GUIDANCE = ((1.0, 0.0), (1.5, 0.7), (2.0, 0.0))
_FEWER_STEPS = (6, 10, 20)  # for reForge's: they are many


def guidance(label: str) -> tuple[tuple[float, float], ...]:
    """The CFG scales and phis by which it is measured."""
    return CFG_PP_GUIDANCE if is_cfg_pp(label) else cells.GUIDANCE


def steps_of(label: str) -> tuple[int, ...]:
    """The numbers of steps that it is measured with."""
    if is_one_by_one(label):
        return (cells.COUNTED_AS,)
    return _FEWER_STEPS if label in _REFORGE else cells.STEPS


def compared_with(label: str, cfg: float, phi: float) -> tuple[float, float]:
    """CFG and phi of the converged images that it is judged by: for CFG++ the strongest that there are."""
    return cells.GUIDANCE[-1] if is_cfg_pp(label) else (cfg, phi)


def is_cfg_pp(label: str) -> bool:
    """Whether it steps along the unguided prediction."""
    return "CFG++" in label


def is_one_by_one(label: str) -> bool:
    """Whether it samples the images of a batch one after the other, with steps of its own."""
    return label.startswith("ODE")
