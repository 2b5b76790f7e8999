"""Validates OpenLineage events, one JSON a line, and each facet by the schema that it names.

Schemas are fetched by their names, or read from the folder SPEC, which holds files of spec/ of
OpenLineage's repository.
"""

import json
import os
import pathlib
import sys
import urllib.request

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource


def retrieve(url):
    if folder := os.environ.get("SPEC"):
        text = (pathlib.Path(folder) / url.rsplit("/", 1)[1]).read_text()
    else:
        text = urllib.request.urlopen(url).read()
    schema = json.loads(text)
    if schema["$id"] != url:
        sys.exit(f"{url} is {schema['$id']}")
    return Resource.from_contents(schema)


registry = Registry(retrieve=retrieve)


def check(value, url):
    validator = Draft202012Validator({"$ref": url}, registry=registry, format_checker=FormatChecker())
    for error in validator.iter_errors(value):
        sys.exit(f"{url}: {'/'.join(map(str, error.absolute_path))}: {error.message}")


events = facets = 0
for line in open(sys.argv[1]):
    event = json.loads(line)
    events += 1
    check(event, event["schemaURL"])
    datasets = event["inputs"] + event["outputs"]
    holders = [event["run"]["facets"], event["job"]["facets"]]
    holders += [d[k] for d in datasets for k in ("facets", "inputFacets", "outputFacets") if k in d]
    for facet in (f for h in holders for f in h.values()):
        if facet["_schemaURL"].startswith("https://openlineage.io/"):
            facets += 1
            check(facet, facet["_schemaURL"])
print(f"OpenLineage: {events} events and {facets} facets are valid")
