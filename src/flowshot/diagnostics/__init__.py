"""Is the posterior collapsed, and is the latent loss right?"""
