"""A model server whose traffic is captured: the churn model of the demo behind FastAPI.

uvicorn --app-dir examples/capture app:app
"""

from __future__ import annotations

import os
from io import BytesIO

import pandas as pd
from fastapi import FastAPI, Request, Response

from spark_model_monitor import demo
from spark_model_monitor.capture import CaptureOptions, CaptureWriter, LocalFolder
from spark_model_monitor.capture.asgi import CaptureMiddleware

writer = CaptureWriter(
    LocalFolder(os.environ.get("CAPTURE_FOLDER", "captures")),
    CaptureOptions(endpoint="churn", with_metadata=True),
)
app = FastAPI()
app.add_middleware(CaptureMiddleware, writer=writer, paths=["/invocations"])


@app.post("/invocations")
async def answer(request: Request) -> Response:
    """Rows of CSV with the features in the order of `demo.churn.FEATURES` -> rows of `prediction,probability`."""
    try:
        customers = pd.read_csv(
            BytesIO(await request.body()), header=None, names=list(demo.churn.FEATURES), index_col=False
        )
        scores = demo.churn.score(customers)
    except ValueError:
        return Response("the body has to be rows of 14 features in CSV", status_code=400)
    answers = pd.DataFrame({"prediction": demo.churn.decide(scores), "probability": scores})
    return Response(demo.churn.to_csv(answers, header=False), media_type="text/csv")
