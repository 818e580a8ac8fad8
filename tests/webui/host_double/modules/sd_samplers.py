"""The list of all samplers, by name."""

from __future__ import annotations

from modules import sd_samplers_kdiffusion, sd_samplers_lcm, sd_samplers_timesteps, sd_schedulers

all_samplers = [
    *sd_samplers_kdiffusion.samplers_data_k_diffusion,
    *sd_samplers_timesteps.samplers_data_timesteps,
    *sd_samplers_lcm.samplers_data_lcm,
]
samplers = samplers_for_img2img = all_samplers
all_samplers_map = {data.name: data for data in all_samplers}


def find_sampler_config(name):
    return all_samplers[0] if name is None else all_samplers_map.get(name)


def create_sampler(name, model):
    config = find_sampler_config(name)
    assert config is not None, f"no sampler is called {name}"
    sampler = config.constructor(model)
    sampler.config = config
    return sampler


def get_sampler_and_scheduler(sampler_name, scheduler_name, *, convert_automatic=True):
    """Takes old names such as "DPM++ 2M Karras" apart; an unknown sampler becomes the first of the list."""
    scheduler = sd_schedulers.schedulers_map.get(scheduler_name, sd_schedulers.schedulers[0])
    name = sampler_name or samplers[0].name
    for candidate in sd_schedulers.schedulers:
        for ending in (candidate.label, candidate.name, *(candidate.aliases or [])):
            if name.endswith(f" {ending}"):
                scheduler, name = candidate, name[: -len(ending) - 1]
    sampler = all_samplers_map.get(name, samplers[0])
    if convert_automatic and sampler.options.get("scheduler") == scheduler.name:
        scheduler = sd_schedulers.schedulers[0]
    return sampler.name, scheduler.label


def fix_p_invalid_sampler_and_scheduler(p):
    p.sampler_name, p.scheduler = get_sampler_and_scheduler(p.sampler_name, p.scheduler, convert_automatic=False)
