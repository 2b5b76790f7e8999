"""A data set with one column of text: run_datadesigner.py URL CALLS IN_FLIGHT PROMPT_BYTES."""

import sys

import data_designer.config as dd
from data_designer.interface import DataDesigner

URL, CALLS, IN_FLIGHT, PROMPT = sys.argv[1], *map(int, sys.argv[2:5])

if __name__ == "__main__":
    provider = dd.ModelProvider(name="bench", endpoint=URL + "/v1", provider_type="openai", api_key="none")
    parameters = dd.ChatCompletionInferenceParams(max_parallel_requests=IN_FLIGHT, timeout=600)
    model = dd.ModelConfig(alias="bench", model="bench", provider="bench", inference_parameters=parameters, skip_health_check=True)
    config = dd.DataDesignerConfigBuilder(model_configs=[model])
    config.add_column(dd.SamplerColumnConfig(name="number", sampler_type="uuid", params=dd.UUIDSamplerParams()))
    text = "call {{ number }}: " + "some words of a prompt, " * (PROMPT // 24)
    config.add_column(dd.LLMTextColumnConfig(name="answer", prompt=text, model_alias="bench"))
    designer = DataDesigner(artifact_path="artifacts", model_providers=[provider])
    designer.set_run_config(dd.RunConfig(buffer_size=1000, max_in_flight_tasks=2 * IN_FLIGHT, display_tui=False))
    made = designer.create(config, num_records=CALLS).load_dataset()
    assert len(made) == CALLS and made["answer"].str.len().min() > 0
