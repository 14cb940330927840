// Node's `ws`: what is posted goes to every client, as the broadcast of its documentation does it.
'use strict';

const { createServer } = require('node:http');
const { WebSocket, WebSocketServer } = require('ws');

const server = createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const data = Buffer.concat(pieces);
    for (const client of clients.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
    }
    response.end('{}');
  });
});
const clients = new WebSocketServer({ server, path: '/ws', perMessageDeflate: false });
clients.on('connection', (client) => client.on('error', console.error));

server.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 });
