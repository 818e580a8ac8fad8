"""The predictor: the noise levels of a model, and what its output means, for all samplers."""

from __future__ import annotations

import torch


def rescale_zero_terminal_snr_sigmas(sigmas):
    """Algorithm 1 of Lin et al. 2023 on the table it is given; the host's end value is not quite 0."""
    root = (1 / (sigmas**2 + 1)).sqrt()
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    alphas_cumprod = root**2
    alphas_cumprod[-1] = 4.8973451890853435e-08
    return ((1 - alphas_cumprod) / alphas_cumprod) ** 0.5


class AbstractPrediction(torch.nn.Module):
    def __init__(self, sigma_data=1.0, prediction_type="epsilon"):
        super().__init__()
        assert prediction_type in ("epsilon", "const", "v_prediction", "edm")
        self.sigma_data, self.prediction_type = sigma_data, prediction_type

    @property
    def sigma_min(self):
        return self.sigmas[0]

    @property
    def sigma_max(self):
        return self.sigmas[-1]

    def calculate_input(self, sigma, noise):
        if self.prediction_type == "const":
            return noise
        return noise / (_rows(sigma, noise) ** 2 + self.sigma_data**2) ** 0.5

    def calculate_denoised(self, sigma, model_output, model_input):
        sigma = _rows(sigma, model_output)
        if self.prediction_type in ("epsilon", "const"):
            return model_input - model_output * sigma
        both = sigma**2 + self.sigma_data**2
        sign = -1 if self.prediction_type == "v_prediction" else 1
        kept = model_input * self.sigma_data**2 / both
        return kept + sign * model_output * sigma * self.sigma_data / both**0.5

    def noise_scaling(self, sigma, noise, latent_image, max_denoise=False):
        if self.prediction_type == "const":
            return sigma * noise + (1.0 - sigma) * latent_image
        return noise * (torch.sqrt(1.0 + sigma**2.0) if max_denoise else sigma) + latent_image


class Prediction(AbstractPrediction):
    """`alphas_cumprod` is as trained for good; `sigmas` are those of now, which `set_sigmas` replaces."""

    def __init__(
        self,
        sigma_data=1.0,
        prediction_type="eps",
        beta_schedule="linear",
        linear_start=0.00085,
        linear_end=0.012,
        timesteps=1000,
    ):
        super().__init__(sigma_data, prediction_type)
        assert beta_schedule == "linear"
        betas = torch.linspace(linear_start**0.5, linear_end**0.5, timesteps, dtype=torch.float64) ** 2
        alphas_cumprod = torch.cumprod(1.0 - betas, dim=0)
        self.register_buffer("alphas_cumprod", alphas_cumprod.float())
        self.set_sigmas(((1 - alphas_cumprod) / alphas_cumprod) ** 0.5)

    def set_sigmas(self, sigmas):
        self.register_buffer("sigmas", sigmas.float())
        self.register_buffer("log_sigmas", sigmas.log().float())

    def timestep(self, sigma):
        """The nearest, so always a whole one."""
        distances = sigma.log() - self.log_sigmas[:, None]
        return distances.abs().argmin(dim=0).view(sigma.shape)

    def sigma(self, timestep):
        t = timestep.float().clamp(0, len(self.sigmas) - 1)
        low, high = self.log_sigmas[t.floor().long()], self.log_sigmas[t.ceil().long()]
        return ((1 - t.frac()) * low + t.frac() * high).exp()


class PredictionFlow(AbstractPrediction):
    """Of flow models such as Stable Diffusion 3: sigmas from 0 to 1, and no alphas_cumprod."""

    def __init__(self, sigma_data=1.0, prediction_type="const", shift=1.0, multiplier=1000, timesteps=1000):
        super().__init__(sigma_data, prediction_type)
        self.shift, self.multiplier = shift, multiplier
        self.register_buffer("sigmas", self.sigma(torch.arange(1, timesteps + 1) / timesteps * multiplier))

    def timestep(self, sigma):
        return sigma * self.multiplier

    def sigma(self, timestep):
        t = timestep / self.multiplier
        return self.shift * t / (1 + (self.shift - 1) * t)


def _rows(sigma, x):
    return sigma.view(sigma.shape[:1] + (1,) * (x.ndim - 1))
