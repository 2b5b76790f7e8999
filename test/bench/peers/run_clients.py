"""Loops over a client library: run_clients.py LIBRARY URL CALLS IN_FLIGHT PROMPT_BYTES."""

import asyncio
import sys

LIBRARY, URL, CALLS, IN_FLIGHT, PROMPT = sys.argv[1], sys.argv[2] + "/v1", *map(int, sys.argv[3:6])


def prompt(i):
    return f"call {i}: " + "some words of a prompt, " * (PROMPT // 24)


def body(i):
    return {"model": "bench", "messages": [{"role": "user", "content": prompt(i)}]}


async def work(call):
    numbers = iter(range(CALLS))

    async def worker():
        for i in numbers:
            await call(i)

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def over_aiohttp():
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call(i):
            async with session.post(URL + "/chat/completions", json=body(i)) as response:
                assert (await response.json())["choices"]

        await work(call)


async def over_httpx():
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=600) as client:

        async def call(i):
            assert (await client.post(URL + "/chat/completions", json=body(i))).json()["choices"]

        await work(call)


async def over_openai():
    import openai

    async with openai.AsyncOpenAI(base_url=URL, api_key="none", timeout=600) as client:

        async def call(i):
            assert (await client.chat.completions.create(**body(i))).choices

        await work(call)


asyncio.run({"aiohttp": over_aiohttp, "httpx": over_httpx, "openai": over_openai}[LIBRARY]())
