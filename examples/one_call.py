"""One call of the demo's tenant, against `make run`.

TOLLGATE_API_KEY=$(cat .tollgate/admin.key) .venv/bin/python examples/one_call.py
"""

import asyncio
import os
import secrets

from tollgate_client import Call, Direction, Refused, Tollgate

SERVER = os.environ.get("TOLLGATE_SERVER", "127.0.0.1:50051")
TALK_S = 8


async def talk(call: Call) -> None:
    """Stands for a media pipeline, which sees what each turn of the conversation used."""
    call.answered()
    for _ in range(TALK_S):
        await asyncio.sleep(1)
        call.add(llm_input_tokens=150, llm_output_tokens=40, stt_ms=500, tts_ms=500)
        print(f"used {call.usage}, charged {call.charged_micros} micros")


async def main() -> None:
    """Carries one call and prints its bill."""
    key = os.environ["TOLLGATE_API_KEY"]
    async with Tollgate(SERVER, key=key, report_interval=2) as tollgate:
        call = tollgate.call(
            "technomaster",
            f"example-{secrets.token_hex(4)}",
            "gpt-4o-realtime",
            caller="+12025550143",
            direction=Direction.INBOUND,
            on_finish=lambda seconds: print(f"the money lasts {seconds} seconds more"),
        )
        try:
            async with call:
                talking = asyncio.create_task(talk(call))
                ending = asyncio.create_task(call.ended())
                await asyncio.wait({talking, ending}, return_when=asyncio.FIRST_COMPLETED)
                talking.cancel()
                ending.cancel()
        except Refused as refused:
            print(f"refused: {refused}")
            return
        bill = await call.posted()
        print(f"{bill.outcome.name}: {bill.charged_micros} micros, {dict(bill.cost)}")


if __name__ == "__main__":
    asyncio.run(main())
