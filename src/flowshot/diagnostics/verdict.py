"""One word for a latent, and the numbers that led to it."""

# Below the first, of dimensions in use or of the relative rise of the loss, the latent is not used; below the second,
# of dimensions, only in part.
COLLAPSED, PARTLY_COLLAPSED = 0.05, 0.75


def judge(used: int, latent_size: int, relative_gap: float) -> tuple[str, str]:
    """A verdict and the numbers that led to it, in one sentence.

    Args:
        used: dimensions that vary over clips and reach the decoder.
        latent_size: all dimensions.
        relative_gap: rise of the reconstruction loss when clips get one another's latents, as a part of that loss.
    """
    fraction = used / latent_size
    # Asked this way round, a gap that is no number is not called healthy.
    if not (fraction >= COLLAPSED and relative_gap >= COLLAPSED):
        verdict = "collapsed"
    elif fraction < PARTLY_COLLAPSED:
        verdict = "partly_collapsed"
    else:
        verdict = "healthy"
    return verdict, (
        f"{used} of {latent_size} dimensions vary over clips and reach the decoder, and exchanging the latents of "
        f"clips raises the reconstruction loss by {100 * relative_gap:.1f} %."
    )
