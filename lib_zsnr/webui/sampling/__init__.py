"""One plan on one sampler call: the guard around it, and what each family of samplers needs."""
