"""A model server under uvicorn, with or without capturing. The model adds two numbers, so that the serving is what counts."""

from __future__ import annotations

import argparse
import socket

import uvicorn
from fastapi import FastAPI, Request, Response

FAILS = "fail"
"""First cell of a row that the model answers with a 503."""

app = FastAPI()


@app.post("/invocations")
async def answer(request: Request) -> Response:
    first, second, *_ = (await request.body()).decode().split(",")
    if first == FAILS:
        return Response("the model is busy", 503)
    return Response(str(float(first) + float(second)), media_type="text/csv")


def captured_in(folder: str, flush_seconds: float, rotate_seconds: float) -> None:
    """Have the application's traffic captured."""
    from spark_model_monitor.capture import CaptureLimits, CaptureOptions, CaptureWriter, LocalFolder
    from spark_model_monitor.capture.asgi import CaptureMiddleware

    limits = CaptureLimits(flush_seconds=flush_seconds, rotate_seconds=rotate_seconds)
    writer = CaptureWriter(LocalFolder(folder), CaptureOptions(endpoint="churn", with_metadata=True), limits)
    app.add_middleware(CaptureMiddleware, writer=writer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="the descriptor of a socket that listens")
    parser.add_argument("--folder", help="where captures go; without it nothing is captured")
    parser.add_argument("--flush-seconds", type=float, default=1.0)
    parser.add_argument("--rotate-seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    if arguments.folder:
        captured_in(arguments.folder, arguments.flush_seconds, arguments.rotate_seconds)
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=arguments.socket)])


if __name__ == "__main__":
    main()
