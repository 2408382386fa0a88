import pytest

from defaults import default
from flowshot.core.errors import FlowshotError
from flowshot.scoring.config import PolicyConfig
from flowshot.scoring.embeddings.registry import embedder

POLICY = default(PolicyConfig, "score.policy")


def test_a_process_loads_each_embedder_once_for_each_policy() -> None:
    policy = default(PolicyConfig, "score.policy", level="peak")
    assert embedder("logmel", POLICY) is embedder("logmel", default(PolicyConfig, "score.policy"))
    assert embedder("logmel", policy) is not embedder("logmel", POLICY)
    assert embedder("logmel", policy).policy.level == "peak"


def test_an_unknown_embedding_is_named_with_the_known_ones() -> None:
    with pytest.raises(FlowshotError, match=r"'yamnt'.*clap.*logmel.*yamnet"):
        embedder("yamnt", POLICY)
