"""UniPC (Zhao et al. 2023), data prediction, multistep, B(h) variants; the host's class surface."""

from __future__ import annotations

import math

import torch


class NoiseScheduleVP:
    """log(sqrt(alphas_cumprod)) as a function of continuous time: entry n of N lies at (n + 1) / N."""

    def __init__(self, schedule="discrete", betas=None, alphas_cumprod=None):
        if schedule != "discrete":
            raise NotImplementedError("the double knows discrete schedules only")
        log_alphas = 0.5 * torch.log(1 - betas).cumsum(0) if betas is not None else 0.5 * torch.log(alphas_cumprod)
        self.schedule, self.total_N, self.T = schedule, len(log_alphas), 1.0
        self.t_array = torch.linspace(0.0, 1.0, self.total_N + 1)[1:].reshape(1, -1)
        self.log_alpha_array = log_alphas.reshape(1, -1)

    def marginal_log_mean_coeff(self, t):
        return _interpolate(t.reshape(-1), self.t_array[0], self.log_alpha_array[0])

    def marginal_alpha(self, t):
        return torch.exp(self.marginal_log_mean_coeff(t))

    def marginal_std(self, t):
        return torch.sqrt(1.0 - torch.exp(2.0 * self.marginal_log_mean_coeff(t)))

    def marginal_lambda(self, t):
        log_alpha = self.marginal_log_mean_coeff(t)
        return log_alpha - 0.5 * torch.log(1.0 - torch.exp(2.0 * log_alpha))

    def inverse_lambda(self, lamb):
        log_alpha = -0.5 * torch.logaddexp(torch.zeros(1), -2.0 * lamb)
        return _interpolate(log_alpha.reshape(-1), self.log_alpha_array[0].flip(0), self.t_array[0].flip(0))


def _interpolate(x, xp, yp):
    """Piecewise linear over ascending xp, continued by the outermost pieces."""
    right = torch.searchsorted(xp, x).clamp(1, len(xp) - 1)
    left = right - 1
    return yp[left] + (x - xp[left]) * (yp[right] - yp[left]) / (xp[right] - xp[left])


class UniPC:
    def __init__(
        self,
        model_fn,
        noise_schedule,
        predict_x0=True,
        thresholding=False,
        max_val=1.0,
        variant="bh1",
        after_update=None,
    ):
        if not predict_x0 or thresholding or variant not in ("bh1", "bh2"):
            raise NotImplementedError("the double knows data prediction with bh1 or bh2 only")
        self.model_fn_, self.noise_schedule, self.variant = model_fn, noise_schedule, variant
        self.predict_x0, self.thresholding, self.after_update = predict_x0, thresholding, after_update

    def model(self, x, t):
        return self.model_fn_(x, t)

    def noise_prediction_fn(self, x, t):
        return self.model(x, t)

    def data_prediction_fn(self, x, t):
        ns = self.noise_schedule
        return (x - _wide(ns.marginal_std(t)) * self.noise_prediction_fn(x, t)) / _wide(ns.marginal_alpha(t))

    def model_fn(self, x, t):
        return self.data_prediction_fn(x, t)

    def get_time_steps(self, skip_type, t_T, t_0, N, device):
        if skip_type == "time_uniform":
            return torch.linspace(t_T, t_0, N + 1).to(device)
        if skip_type == "time_quadratic":
            return torch.linspace(t_T**0.5, t_0**0.5, N + 1).pow(2).to(device)
        ends = [self.noise_schedule.marginal_lambda(torch.as_tensor(t)).item() for t in (t_T, t_0)]
        return self.noise_schedule.inverse_lambda(torch.linspace(*ends, N + 1).to(device))

    def multistep_uni_pc_update(self, x, model_prev_list, t_prev_list, t, order, use_corrector=True):
        """One predictor step and, unless it is the last, its corrector -> (x at t, x0 predicted there)."""
        ns, m0 = self.noise_schedule, model_prev_list[-1]
        lam = [ns.marginal_lambda(s)[0] for s in (*t_prev_list[-order:], t.view(-1))]
        h = lam[-1] - lam[-2]
        ratios = [float((lam[-2 - i] - lam[-2]) / h) for i in range(1, order)]
        slopes = [(model_prev_list[-1 - i] - m0) / r for i, r in enumerate(ratios, 1)]
        matrix, vector, b_h = self._coefficients(h, ratios)
        alpha, sigma = _wide(ns.marginal_alpha(t)), _wide(ns.marginal_std(t))
        base = sigma / _wide(ns.marginal_std(t_prev_list[-1])) * x - alpha * torch.expm1(-h) * m0

        # Order 2 of the predictor and order 1 of the corrector are simplified to 1/2, as in the authors' code.
        weights = [0.5] if order == 2 else torch.linalg.solve(matrix[:-1, :-1], vector[:-1]) if order > 2 else []
        x_t = base - alpha * b_h * sum((w * d for w, d in zip(weights, slopes, strict=True)), torch.zeros_like(x))
        if not use_corrector:
            return x_t, None
        model_t = self.model_fn(x_t, t)
        weights = [0.5] if order == 1 else torch.linalg.solve(matrix, vector)
        change = sum(w * d for w, d in zip(weights, [*slopes, model_t - m0], strict=True))
        return base - alpha * b_h * change, model_t

    def _coefficients(self, h, ratios):
        """The linear system R(h) a = phi(h) / B(h) of the paper, with hh = -h for data prediction."""
        hh, nodes = -h, torch.tensor([*ratios, 1.0])
        b_h = hh if self.variant == "bh1" else torch.expm1(hh)
        rows, values, phi = [], [], torch.expm1(hh) / hh - 1
        for i in range(1, len(nodes) + 1):
            rows.append(nodes ** (i - 1))
            values.append(phi * math.factorial(i) / b_h)
            phi = phi / hh - 1 / math.factorial(i + 1)
        return torch.stack(rows), torch.stack(values), b_h

    @torch.no_grad()
    def sample(
        self,
        x,
        steps=20,
        t_start=None,
        t_end=None,
        order=3,
        skip_type="time_uniform",
        method="multistep",
        lower_order_final=True,
    ):
        ns = self.noise_schedule
        assert steps >= order, "UniPC order must be < sampling steps"
        timesteps = self.get_time_steps(
            skip_type=skip_type,
            t_T=ns.T if t_start is None else t_start,
            t_0=1.0 / ns.total_N if t_end is None else t_end,
            N=steps,
            device=x.device,
        )
        times = [timesteps[0].expand(len(x))]
        models = [self.model_fn(x, times[0])]
        for step in range(1, steps + 1):
            now = timesteps[step].expand(len(x))
            step_order = min(step, order, steps + 1 - step if lower_order_final and step >= order else order)
            x, model_x = self.multistep_uni_pc_update(x, models, times, now, step_order, use_corrector=step < steps)
            if self.after_update is not None:
                self.after_update(x, model_x)
            times, models = [*times, now][-order:], [*models, model_x][-order:]
        return x


def _wide(value):
    return value[:, None, None, None]
