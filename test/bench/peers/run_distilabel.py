"""A text generation pipeline: run_distilabel.py URL CALLS IN_FLIGHT PROMPT_BYTES."""

import sys

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

URL, CALLS, IN_FLIGHT, PROMPT = sys.argv[1], *map(int, sys.argv[2:5])

if __name__ == "__main__":
    rows = [{"instruction": f"call {i}: " + "some words of a prompt, " * (PROMPT // 24)} for i in range(CALLS)]
    with Pipeline(name="bench") as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=IN_FLIGHT)
        llm = OpenAILLM(model="bench", base_url=URL + "/v1", api_key="none", timeout=600)
        load >> TextGeneration(llm=llm, input_batch_size=IN_FLIGHT)
    made = pipeline.run(use_cache=False)["default"]["train"]
    assert len(made) == CALLS and all(row["generation"] for row in made)
