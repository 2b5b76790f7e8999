"""A list of prompts through an LLM object: run_curator.py URL CALLS IN_FLIGHT PROMPT_BYTES."""

import os
import sys

URL, CALLS, IN_FLIGHT, PROMPT = sys.argv[1], *map(int, sys.argv[2:5])
os.environ.update(OPENAI_API_KEY="none", TELEMETRY_ENABLED="0", CURATOR_DISABLE_CACHE="1", LITELLM_LOCAL_MODEL_COST_MAP="True")

import litellm  # noqa: E402  (both read the environment)
from bespokelabs import curator  # noqa: E402

# The tokenizer that it counts with comes from litellm's own copy, and not from the network.
os.environ["TIKTOKEN_CACHE_DIR"] = os.path.join(os.path.dirname(litellm.__file__), "litellm_core_utils", "tokenizers")

if __name__ == "__main__":
    llm = curator.LLM(
        model_name="gpt-4o-mini",
        backend="openai",
        backend_params={
            "base_url": URL + "/v1",
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 10_000_000_000,
            "max_concurrent_requests": IN_FLIGHT,
        },
    )
    made = llm([f"call {i}: " + "some words of a prompt, " * (PROMPT // 24) for i in range(CALLS)])
    assert len(made.dataset if hasattr(made, "dataset") else made) == CALLS
