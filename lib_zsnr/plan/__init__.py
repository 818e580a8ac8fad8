"""Settings, traits of the checkpoint and the sampler made into one plan: what one sampler call will do."""
