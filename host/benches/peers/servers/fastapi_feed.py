"""FastAPI: a set of sockets, and a loop that sends what is posted to each."""

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect

app = FastAPI()
clients: set[WebSocket] = set()


@app.websocket("/ws")
async def feed(client: WebSocket) -> None:
    await client.accept()
    clients.add(client)
    try:
        while True:
            await client.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        clients.discard(client)


@app.post("/publish", status_code=202)
async def publish(request: Request) -> dict:
    text = (await request.body()).decode()
    for client in list(clients):
        try:
            await client.send_text(text)
        except (RuntimeError, WebSocketDisconnect):
            clients.discard(client)
    return {}
