"""What FastAPI itself costs: a route that reads nothing and answers nothing. `python empty_route.py PORT`."""

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.post("/predict")
async def predict() -> dict[str, str]:
    """Nothing."""
    return {}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="critical", loop="uvloop", http="httptools")
