"""How far sampled pictures of the pair are from those that the same model paints if sampling makes no error.

The ablation's scores pool the latents to 4x4; these see the finest detail, on images of every size the pair has
learned. Only for development: it needs what `evidence/pair` needs.
"""
