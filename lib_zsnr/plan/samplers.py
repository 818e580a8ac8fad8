"""What is known of each sampler: one row for each sampling function, and one for functions that are not known.

A sampler is identified by the function that runs, never by its name: other extensions run the same function under
another name, and other functions under names of their own. `python -m tests.matrix` measures these rows, at usual CFG
scales. Brightnesses below that name no size are of 128 pixels and an earlier training of the pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

TERMINAL = math.inf
"""For `first_order_above`: the step out of the terminal level alone."""


# Distance to the converged image by trailing and by fitted levels, trained model, CFG 7.5: DPM++ 2M with 8 steps .33
# and .19 at 128 pixels, .40 and .18 at 256, .37 and .29 at 512; with 6 steps .42 and .33, .52 and .35, .46 and .62.
FITTED_FROM_STEPS = 8


@dataclass(frozen=True)
class SamplerTraits:
    """One row.

    first_order_above: it corrects across large steps and does harm there, so its steps are first-order while they
    begin above this sigma. None: it needs none of that.
    first_order_below_steps: from this many steps on only the one out of the terminal level is.
    own_levels: it chooses its own noise levels between the highest and the lowest, so that no spacing reaches it.
    restarts: from 20 steps on it puts levels of its own in the place of those given, and climbs back near the end:
    see `restart_counts`.
    fitted_from_steps: with fewer steps trailing is better than levels that are fitted to the size of the image.
    highest_landing: where fitted levels go on after the terminal one, see `core.fitted.Fitted`.
    bridge_sigma_per_step: the same of bridge spacing; None for its usual place.
    cfg_scale_divisor: what it divides the CFG scale by.
    enough_steps: from this many steps on it paints black and white as a converged image does, at CFG scales of 5 to
    10 with and without rescale; below, the person is told.
    for_flow_models: its steps are those of flow models, whose noise level is at most 1, and nonsense above it.
    known: False for a function that nobody has measured.
    """

    first_order_above: float | None = None
    first_order_below_steps: int | None = None
    own_levels: bool = False
    restarts: bool = False
    fitted_from_steps: float = FITTED_FROM_STEPS
    highest_landing: float = math.inf
    bridge_sigma_per_step: float | None = None
    cfg_scale_divisor: float = 1.0
    enough_steps: int = 0
    for_flow_models: bool = False
    known: bool = True

    def restart_counts(self, steps: int) -> tuple[int, int]:
        """How many of the steps go into one restart, and how often that happens: the WebUI's rule for Restart."""
        if not self.restarts or steps < 20:
            return 0, 0
        return (9, 1) if steps < 36 else (steps // 4, 2)

    def first_order_steps_above(self, steps: int) -> float | None:
        """`first_order_above` for a number of steps."""
        settled = self.first_order_below_steps is not None and steps >= self.first_order_below_steps
        return TERMINAL if settled else self.first_order_above


# The safe treatment: a first-order step out of the terminal level does not hurt a sampler that does not need it.
UNKNOWN = SamplerTraits(first_order_above=TERMINAL, known=False)
UNKNOWN_WITH_OWN_LEVELS = SamplerTraits(own_levels=True, known=False)

# By the names of the functions in k-diffusion and in the WebUI.
_ROWS = {
    # First-order samplers do not extrapolate, so fewer steps will do: with 6 .44 by trailing and .34 by fitted levels
    # at 128 pixels, .54 and .34 at 256, .44 and .42 at 512.
    "sample_euler": SamplerTraits(fitted_from_steps=6),
    "sample_euler_ancestral": SamplerTraits(fitted_from_steps=6, highest_landing=2.0),
    "sample_lms": SamplerTraits(enough_steps=8),
    "sample_heun": SamplerTraits(TERMINAL, enough_steps=8),
    "sample_dpm_2": SamplerTraits(TERMINAL, enough_steps=8),
    # This one, 2M SDE, 3M SDE and UniPC extrapolate across what the first step jumped, so fitted levels suit them only
    # once the steps are short. White by trailing and by fitted levels, trained model: this one with 15 steps at CFG 10
    # .97 and .88 at 256 pixels, .99 and .93 at 512; with 20 at CFG 7.5 .96 and .96, .99 and .98.
    # With many steps trailing has levels between the terminal one and those that set the overall brightness. Its second
    # order there turned every fourth black image white (30 steps, CFG 5 and 7.5, no rescale).
    "sample_dpm_2_ancestral": SamplerTraits(first_order_above=25.0, fitted_from_steps=20, enough_steps=15),
    # With 6 steps at CFG 10 its white is .78 at 256 pixels, by trailing; with 8 .98.
    "sample_dpmpp_2m": SamplerTraits(enough_steps=8),
    "sample_dpmpp_2s_ancestral": SamplerTraits(highest_landing=2.0, enough_steps=8),
    "sample_dpmpp_sde": SamplerTraits(),
    # White by trailing and by fitted levels at CFG 7.5 with rescale: with 10 steps .92 and .60 at 256 pixels, .96 and
    # .74 at 512, with 15 .96 and .90, .98 and .88, with 20 .97 and .96, .98 and .97.
    # The bridge lands lower for it, since it extrapolates across what it jumped: at 10 steps its brightness error on
    # the exact model is .037 by 5, .027 by this, .12 by trailing, .088 by default.
    "sample_dpmpp_2m_sde": SamplerTraits(
        fitted_from_steps=20, highest_landing=2.0, bridge_sigma_per_step=2.2, enough_steps=15
    ),
    # White by trailing and by fitted levels at CFG 7.5 with rescale: with 20 steps .97 and .75 at 256 pixels, with 30
    # .98 and .95, and at 512 .98 and .84, with 40 .98 and .98.
    # The bridge does not suit it under guidance: with 8 steps at CFG 7.5 its white is .71 by it, .91 by trailing.
    "sample_dpmpp_3m_sde": SamplerTraits(TERMINAL, fitted_from_steps=40, highest_landing=2.0, enough_steps=20),
    # It divides the range evenly, so a high landing leaves it too few steps at the levels that set brightness: with
    # 20 steps at CFG 7.5 its white is .88 by this, .82 by the usual 5. A lower one is worse than the WebUI's default on
    # the exact model (10 steps: .169 by 1.25, .136 by default, .086 by this).
    "sample_dpm_fast": SamplerTraits(
        TERMINAL, own_levels=True, fitted_from_steps=math.inf, bridge_sigma_per_step=2.0, enough_steps=40
    ),
    "sample_dpm_adaptive": SamplerTraits(own_levels=True),
    "restart_sampler": SamplerTraits(TERMINAL, restarts=True, enough_steps=8),
    "ddim": SamplerTraits(fitted_from_steps=6),
    # Its guidance adds up over the steps, and few have too little of it. By trailing many had too much: with 50 at
    # CFG 5 and 7.5 without rescale one white image in four was black. By fitted levels all are white.
    "ddim_cfgpp": SamplerTraits(cfg_scale_divisor=12.5, enough_steps=20),
    # Its extrapolation overshoots under guidance as long as the steps are large: with 10 steps at CFG 7.5 its white is
    # .84 by a first-order start alone, .99 by this, and with 30 at CFG 10 .93 and .98. With many more it is nearer to
    # the converged image without.
    "plms": SamplerTraits(first_order_above=2.0, first_order_below_steps=40, enough_steps=8),
    "unipc": SamplerTraits(TERMINAL, fitted_from_steps=15, enough_steps=15),
    # UniPC on sigmas, as Forge Neo and Forge Classic have it. With 8 steps at CFG 5 its black is .93 without a
    # first-order start, .00 with one; at CFG 10 its white is then .97 by trailing, .90 by fitted levels (with 12 steps
    # .97 and .94).
    "sample_unipc": SamplerTraits(TERMINAL, fitted_from_steps=15, enough_steps=8),
    "sample_lcm": SamplerTraits(),
    # Those of Forge Neo, Forge, reForge and Forge Classic: docs/matrix-others.csv. Their steps are of flow models, and
    # above a noise level of 1 their images are not numbers (A2: black .96 and white .01 without the extension).
    **dict.fromkeys(
        ("sample_dpmpp_2s_ancestral_RF", "sample_euler_ancestral_RF", "sample_euler_a2"),
        SamplerTraits(for_flow_models=True),
    ),
    # With 8 and more steps within .03 of the converged image, by trailing and by fitted levels, with a first-order
    # start and without (Res Multistep with 6 at CFG 10: .20).
    "sample_er_sde": SamplerTraits(enough_steps=8),
    "sample_res_multistep": SamplerTraits(enough_steps=8),
    "sample_Kohaku_LoNyu_Yog": SamplerTraits(),
    # First-order steps, at which a start would change nothing.
    "sample_ddpm": SamplerTraits(),
    "sample_euler_ancestral_cfg_pp": SamplerTraits(),
    # At 128 pixels and a scale of 1 they are .11 and .08 from the converged image with 6 steps, .06 with 8, .15 with
    # 10.
    "sample_euler_cfg_pp": SamplerTraits(enough_steps=8),
    "sample_dpmpp_2m_cfg_pp": SamplerTraits(enough_steps=8),
    "sample_dpmpp_2m_sde_cfg_pp": SamplerTraits(enough_steps=10),
    "sample_dpmpp_3m_sde_cfg_pp": SamplerTraits(TERMINAL, enough_steps=20),
    # With 8 steps at scale 1 its white is .98 by trailing with a first-order start, .90 without, .87 by fitted levels.
    "sample_dpmpp_sde_cfg_pp": SamplerTraits(TERMINAL, fitted_from_steps=10),
    # As Heun, but it weighs what it sees further down by its noise level.
    "sample_heunpp2": SamplerTraits(TERMINAL, enough_steps=8),
    # As PLMS: with 15 steps at CFG 10 their white is .82 and .93 by a first-order start alone, .96 and .98 by this.
    "sample_ipndm": SamplerTraits(first_order_above=2.0, first_order_below_steps=40, enough_steps=8),
    "sample_ipndm_v": SamplerTraits(first_order_above=2.0, first_order_below_steps=40, enough_steps=8),
    # With 10 steps at CFG 10 its white is .93 by a first-order start alone, .96 by this.
    "sample_deis": SamplerTraits(first_order_above=25.0, enough_steps=8),
    # reForge's. Within .04 of the converged image with 6, 10 and 20 steps, without any first-order step.
    **dict.fromkeys(
        (
            "sample_euler_dy",
            "sample_euler_smea_dy",
            "sample_euler_negative",
            "sample_euler_dy_negative",
            "sample_euler_dy_cfg_pp",
            "sample_euler_smea_dy_cfg_pp",
            "sample_dpmpp_sde_classic",
            "sample_dpmpp_2m_dy_cfg_pp",
            "sample_dpmpp_2s_ancestral_cfg_pp",
            "sample_dpmpp_2s_ancestral_cfg_pp_dyn",
            "sample_seeds_2",
            "sample_res_solver",
        ),
        SamplerTraits(),
    ),
    # With 6 steps .10 from the converged image, with 10 .03.
    "sample_seeds_3": SamplerTraits(enough_steps=10),
    # At 128 pixels and a scale of 1 .09 from it with 10 steps, .10 with 6.
    "sample_res_multistep_cfg_pp": SamplerTraits(enough_steps=20),
    "sample_gradient_estimation_cfg_pp": SamplerTraits(TERMINAL, enough_steps=8),
    # On fitted levels at 256 pixels the noise that they add while their steps are large turns black grey: at a scale of
    # 1 the first had black .52 with 20 steps, the second white .67 with 10; with a first-order start alone .23 and .83,
    # with this .01 and .99. DPM++ 2M DY with 10 steps: .08 from the converged image without, .03 with this.
    # At 128 pixels the first is .10 from it with 10 steps, the second .13 with 20.
    "sample_euler_ancestral_dy_cfg_pp": SamplerTraits(first_order_above=25.0, enough_steps=20),
    "sample_res_multistep_ancestral_cfg_pp": SamplerTraits(first_order_above=25.0, enough_steps=30),
    "sample_dpmpp_2m_dy": SamplerTraits(first_order_above=25.0),
    # White at 256 pixels, CFG 7.5 with rescale, by trailing and by fitted levels: the first .96 and .69 with 15 steps,
    # .97 and .80 with 20; the second .81 and .76 with 20, .93 and .79 with 30, and .95 by trailing with 40.
    "sample_res_multistep_ancestral": SamplerTraits(TERMINAL, fitted_from_steps=30, enough_steps=15),
    "sample_sa_solver": SamplerTraits(TERMINAL, fitted_from_steps=math.inf, enough_steps=40),
    "sample_sa_solver_pece": SamplerTraits(TERMINAL, fitted_from_steps=30),  # .03 by trailing with 6, 10 and 20
    # With 10 steps at CFG 10 its white is .94 by trailing, with 15 .99 both ways.
    "sample_gradient_estimation": SamplerTraits(TERMINAL, fitted_from_steps=15, enough_steps=15),
    # They choose the steps from the level that they are given to 0 by their tolerance. Dopri5's is loose: with 20 steps
    # at CFG 5 black and white are .48 and .53 without a first-order start, .30 and .63 with one, .01 and .98 by this.
    "sample_ode_dopri5": SamplerTraits(first_order_above=5.0),
    "sample_ode_bosh3": SamplerTraits(TERMINAL),
    "sample_ode_adaptive_heun": SamplerTraits(TERMINAL),
    "sample_ode_fehlberg2": SamplerTraits(TERMINAL),
}


def traits_of(function: str) -> SamplerTraits | None:
    """The row of a sampling function of k-diffusion or the WebUI, by its name there; None where there is none."""
    return _ROWS.get(function)
